"""Color matching, compositing, inpainting and seam quality of images in memory."""
