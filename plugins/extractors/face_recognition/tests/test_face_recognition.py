from mien.testing import ExtractorContract


class TestFaceRecognition(ExtractorContract):
    name = "face_recognition"
