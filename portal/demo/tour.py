"""What Rita and Ines do in the demo that plays itself: pick up, reply, look at the trail."""

from portal.demo.story import Story


def take_tour(story: Story) -> None:
    """Play both."""
