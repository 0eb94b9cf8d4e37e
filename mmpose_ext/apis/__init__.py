"""What the programs in tools/ call; import the submodule you need.

``train``, ``test``, ``complexity`` and ``browse`` stand behind the tools of the same purpose. They are not imported
here: each pulls in another part of MMPose, and a program that needs one shall not wait for the others.
"""

from .convert_checkpoint import convert_checkpoint

__all__ = ['convert_checkpoint']
