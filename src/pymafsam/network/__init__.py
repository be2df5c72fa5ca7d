"""The network: backbone, reading at points, correction, and the body again, three times.

Zhang et al., "PyMAF: 3D Human Pose and Shape Regression with Pyramidal Mesh Alignment Feedback
Loop", ICCV 2021. Modules here need the extra ``[torch]``, except ``runtime`` and ``estimator``,
which run an exported network on ONNX Runtime alone.
"""
