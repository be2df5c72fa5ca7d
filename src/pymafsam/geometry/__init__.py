"""Rotations, cameras, squares and affine maps, boxes, joint orders, mirror images."""
