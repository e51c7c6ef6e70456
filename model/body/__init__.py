"""The SMPL-format body: shape and pose to a mesh, and meshes compared."""
