"""What of a run's datasets whoever trains on them should know, though it does not stop them."""

from collections.abc import Iterator

from mien.training.data import TrainingData


def dataset_notes(data: TrainingData) -> Iterator[str]:
    """A line for each: faces without masks, and features that other versions have measured than each other's, or than
    the installed one, which measures the faces that are to be drawn."""
    for dataset in data.datasets:
        if dataset.info.counts.no_mask:
            yield (
                f"{dataset.info.counts.no_mask} of the {len(dataset)} faces of {dataset.path} have next to no mask by "
                f"{dataset.info.masker}; nothing is learned of them where a loss looks at the mask alone."
            )
    for key, choice in data.features.choices.items():
        installed = data.features.plugins[key]
        for dataset in data.datasets:
            (stored,) = (feature for feature in dataset.info.features if feature.key == key)
            if (stored.distribution, stored.version) != (installed.distribution, installed.version):
                yield (
                    f"{dataset.path} holds {choice} as {stored.distribution} {stored.version} measured it, and "
                    f"{installed.origin} is installed. To measure it again: "
                    f"mien preprocess {dataset.path} --features {choice}"
                )
