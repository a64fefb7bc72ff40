"""How faces are listed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FacesOptions:
    """How faces are found and told apart. See `mien.find_faces`."""

    extractor: str | None = None
    """What finds faces, as a plugin choice or several joined by `+`; None: the installed default; if `thorough`, those
    that find most (`mien.anonymization.search.default_extractors`)."""
    thorough: bool = False
    """Whether images and frames are searched as `anonymize` does: from several sides, down to low scores."""
    recognizer: str | None = None
    """The feature that tells people apart; None: the default of those installed."""
    identities: bool = True
    """Whether people are told apart at all; it takes longer than to find them."""
    threads: int | None = None
    """So many threads search at once; None: one for each core."""
