"""Weights of a file under the names that timm's network gives them: nothing is skipped without being told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

__all__ = ['MappedWeights', 'map_weights']

# batch norms of old versions of torch did not count their steps, and nothing is computed with this number
_COUNTER = 'num_batches_tracked'


@dataclass(frozen=True)
class MappedWeights:
    """Weights of a network.

    Attributes:
        weights: Tensor by the network's name for it.
        report: How the names of the file and of the network were matched, and what of the file was left.
    """

    weights: dict[str, Tensor]
    report: str


def map_weights(
    found: Mapping[str, Tensor], network: Mapping[str, Tensor], needed: Iterable[str], name: str
) -> MappedWeights:
    """Find the weights of a network in a file, by their names or by their order.

    By name: the file may have the network as a part, such as the ``backbone.network.`` of a checkpoint of this package;
    the names must then agree behind one prefix. By order: a file whose names are all different fits if it has as many
    tensors as the whole network, each with the shape and the last part of the name (weight, bias, running_mean ...) of
    its counterpart.

    Args:
        found: State dict of the file.
        network: State dict of the whole network, in its order.
        needed: Names of the network's weights that have to be in the file.
        name: Of the file and the argument, for messages.

    Raises:
        ValueError: If a needed weight is missing or has another shape, if the file has weights that the network does
            not have, or if several parts of the file fit.
    """
    wanted = [key for key in needed if not key.endswith(_COUNTER)]
    prefix = _prefix(found, wanted, name)
    if prefix is None:
        return _by_order(found, network, wanted, name)
    own = {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}
    for key in wanted:
        if key not in own:
            raise ValueError(f'{name} has no {prefix}{key}')
        if own[key].shape != network[key].shape:
            raise ValueError(
                f'{name} has {prefix}{key} of the shape {tuple(own[key].shape)}, and the network one of '
                f'{tuple(network[key].shape)}'
            )
    unknown = [key for key in own if key not in network]
    if unknown:
        raise ValueError(f'{name} has {prefix}{unknown[0]}, which is not part of the network')
    matched = 'by name' + (f' behind the prefix {prefix!r}' if prefix else '')
    return _mapped(own, wanted, matched, len(found) - len(own))


def _prefix(found: Mapping[str, Tensor], wanted: list[str], name: str) -> str | None:
    """What the names of the file have in front of the network's; None if no name of the network is in the file."""
    first = wanted[0]
    prefixes = {key.removesuffix(first) for key in found if key == first or key.endswith(f'.{first}')}
    fitting = {prefix: sum(prefix + key in found for key in wanted) for prefix in prefixes}
    most = max(fitting.values(), default=0)
    best = sorted(prefix for prefix, count in fitting.items() if count == most)
    # a network without a prefix may contain parts of the same names
    if len(best) > 1 and '' not in best:
        raise ValueError(f'{name} has several parts that fit the network: {", ".join(best)}')
    return best[0] if best else None


def _by_order(
    found: Mapping[str, Tensor], network: Mapping[str, Tensor], wanted: list[str], name: str
) -> MappedWeights:
    theirs, ours = ([key for key in one if not key.endswith(_COUNTER)] for one in (found, network))
    reason = f'its first is {theirs[0]}, and the network has {ours[0]}' if theirs else 'it is empty'
    if len(theirs) != len(ours):
        raise ValueError(
            f'{name} has none of the names of the network ({reason}), and {len(theirs)} tensors where the network has '
            f'{len(ours)}'
        )
    for their, our in zip(theirs, ours, strict=True):
        kinds = their.rpartition('.')[2], our.rpartition('.')[2]
        if kinds[0] != kinds[1] or found[their].shape != network[our].shape:
            raise ValueError(
                f'{name} has none of the names of the network ({reason}), nor its order: '
                f'{their} {tuple(found[their].shape)} stands where the network has {our} {tuple(network[our].shape)}'
            )
    own = {our: found[their] for their, our in zip(theirs, ours, strict=True)}
    matched = f'by order, kind and shape ({theirs[0]} -> {ours[0]}, ..., {theirs[-1]} -> {ours[-1]})'
    return _mapped(own, wanted, matched, 0)


def _mapped(own: Mapping[str, Tensor], wanted: list[str], matched: str, others: int) -> MappedWeights:
    left = [key for key in own if key not in set(wanted) and not key.endswith(_COUNTER)]
    report = f'{len(wanted)} weights loaded, matched {matched}'
    if left:
        report += f'; {len(left)} of layers that are not used here (first: {left[0]})'
    if others:
        report += f'; {others} of other parts of the file'
    return MappedWeights({key: own[key] for key in wanted}, report)
