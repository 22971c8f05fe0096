"""The weights that make one gray channel out of red, green and blue."""

# ITU-R BT.601 luma, the weights that Pillow and OpenCV use.
LUMA = (0.299, 0.587, 0.114)
