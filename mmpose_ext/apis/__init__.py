"""What a program calls to train and test a model; import the submodule that you need.

The submodules are not imported here: each imports another part of MMPose, and a program that needs one of them should
not wait for the others.
"""
