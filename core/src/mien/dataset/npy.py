"""Writing and reading .npy files a few rows at a time, so that memory does not grow with the dataset."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray


class NpyWriter:
    """Appends rows to an .npy file. Its header is right once it is closed.

    Written through the file itself, not memory-mapped: pages of a map count as this process's memory, and a full disk
    would kill it (SIGBUS) instead of raising OSError.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._row_shape = row_shape
        self._rows = 0
        self._file: BinaryIO = path.open("xb")
        self._write_header()
        self._header_length = self._file.tell()

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows, (n, *row_shape). Raises ValueError for another shape or dtype, OSError if they are not written."""
        if rows.shape[1:] != self._row_shape or rows.dtype != self._dtype:
            raise ValueError(f"rows of {rows.dtype} {rows.shape[1:]} for a file of {self._dtype} {self._row_shape}")
        if rows.size:
            self._file.write(np.ascontiguousarray(rows).data)
        self._rows += len(rows)

    def close(self) -> None:
        """Write the final header."""
        try:
            self._file.seek(0)
            self._write_header()
            if self._file.tell() != self._header_length:  # numpy leaves room for 21 digits of rows (GROWTH_AXIS)
                raise RuntimeError(f"the header of {self._file.name} has grown")
        finally:
            self._file.close()

    def __enter__(self) -> "NpyWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._file.close()

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._rows, *self._row_shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write one array whole. Unlike numpy.save, a full disk is an OSError that says so (ENOSPC)."""
    with NpyWriter(path, array.shape[1:], array.dtype) as writer:
        writer.append(array)


def read_rows(path: Path, rows: range) -> NDArray[Any]:
    """Some rows of an .npy file, read into memory.

    Read through the file, not memory-mapped: half the time for the short blocks of a shard.
    Raises ValueError if there are not so many rows, or the file is shorter than its header says.
    """
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        if fortran_order or rows.stop > shape[0]:
            raise ValueError(f"{path} has {shape[0]} rows, not {rows.stop}")
        values = np.empty((len(rows), *shape[1:]), dtype)
        if values.nbytes:
            file.seek(rows.start * (values.nbytes // len(rows)), os.SEEK_CUR)
            if file.readinto(memoryview(values).cast("B")) != values.nbytes:  # type: ignore[arg-type]
                raise ValueError(f"{path} is shorter than its header says")
    return values
