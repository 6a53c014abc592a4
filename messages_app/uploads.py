"""placeholder"""

from django.core.files.uploadhandler import TemporaryFileUploadHandler as SealedUploadHandler
