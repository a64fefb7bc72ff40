"""From images and videos to the same with other faces."""
