"""The one place of MPII's folder; MPII_ROOT in the environment overrides it."""

mpii_root = '{{$MPII_ROOT:data/mpii}}/'
