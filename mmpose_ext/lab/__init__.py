"""What only the tools run: ablations, dataset checks and converters, checkpoint conversion, drawings, profiling.

Nothing here can be named in a config, and no program that trains, tests or predicts imports it.
"""
