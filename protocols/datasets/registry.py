"""The table of data sets: files, checksums, classes, public sources, citations, licences.

To add a data set, add a row to :data:`TABLE` (and a reader to :mod:`biocredit.protocols.datasets.formats` if its files
are of a new kind).
"""

from __future__ import annotations

import difflib

from biocredit.protocols.datasets import formats
from biocredit.protocols.datasets.data_set import DataSet, Download
from biocredit.protocols.datasets.files import FileForm, TreeForm
from biocredit.protocols.datasets.formats import DataError
from biocredit.protocols.datasets.jpeg import jpeg_npz
from biocredit.protocols.datasets.names import (
    CHEST,
    CIFAR10,
    CIFAR100,
    DIGITS,
    FASHION,
    PATH,
    STL10,
)


def find(name: str) -> DataSet:
    """The data set of that name; an unknown name raises :class:`DataError` with the nearest one."""
    if name not in TABLE:
        near = difflib.get_close_matches(name.lower().replace("-", "_"), TABLE, 1, 0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(TABLE)}"
        raise DataError(f"no data set {name!r}: {hint}")
    return TABLE[name]


def _idx(train_images: str, train_labels: str, test_images: str, test_labels: str) -> FileForm:
    """The four IDX files with the SHA-256 of their uncompressed contents."""
    digests = dict(zip(IDX_FILES, (train_images, train_labels, test_images, test_labels), strict=True))
    return FileForm("idx", {name: f"sha256:{digest}" for name, digest in digests.items()}, formats.idx)


def _idx_downloads(base: str, *checksums: str) -> tuple[Download, ...]:
    pairs = zip(IDX_FILES, checksums, strict=True)
    return tuple(Download(f"{base}{name}.gz", f"md5:{checksum}") for name, checksum in pairs)


def _medmnist(
    name: str, title: str, counts: tuple[int, int], shape: tuple[int, ...], classes: tuple[str, ...], md5: str
) -> DataSet:
    return DataSet(
        name=name,
        title=title,
        counts=counts,
        shape=shape,
        classes=classes,
        forms=(FileForm("medmnist", {f"{name}.npz": f"md5:{md5}"}, formats.medmnist),),
        downloads=(Download(f"https://zenodo.org/records/10519652/files/{name}.npz", f"md5:{md5}"),),
        citation="Yang et al. (2023), Scientific Data 10, 41, doi:10.1038/s41597-022-01721-8",
        licence="CC BY 4.0",
    )


IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

DATA_SETS = (
    DataSet(
        name="digits",
        title="digits (scikit-learn)",
        counts=(1437, 360),
        shape=(8, 8),
        classes=DIGITS,
        forms=(FileForm("scikit-learn", {}, formats.digits),),
        citation="Alpaydin and Kaynak (1998), UCI Machine Learning Repository, doi:10.24432/C50P49",
        licence="CC BY 4.0",
    ),
    DataSet(
        name="mnist",
        title="MNIST",
        counts=(60000, 10000),
        shape=(28, 28),
        classes=DIGITS,
        forms=(
            _idx(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        downloads=_idx_downloads(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        citation="LeCun, Bottou, Bengio and Haffner (1998), Proc. IEEE 86(11), doi:10.1109/5.726791",
        licence="CC BY-SA 3.0",
    ),
    DataSet(
        name="fashion_mnist",
        title="Fashion-MNIST",
        counts=(60000, 10000),
        shape=(28, 28),
        classes=FASHION,
        forms=(
            _idx(
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
        downloads=_idx_downloads(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        citation="Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747",
        licence="MIT",
    ),
    DataSet(
        name="cifar10",
        title="CIFAR-10",
        counts=(50000, 10000),
        shape=(32, 32, 3),
        classes=CIFAR10,
        labels="3edb456524d5918aefded81f5aef7c32efab2a788211df998a4eb0c8957baa1f",
        forms=(
            FileForm(
                "binary",
                {
                    "data_batch_1.bin": "md5:5dd7e06a14cb22eb9f671a540d1b7c25",
                    "data_batch_2.bin": "md5:5ea93a67294ea407fff1d09f752e9692",
                    "data_batch_3.bin": "md5:942cd6a4bcdd0dd3c604fbe906cb4421",
                    "data_batch_4.bin": "md5:ae636b3ba5c66a11e91e8cb52e771fcb",
                    "data_batch_5.bin": "md5:53f37980c15c3d472c316c40844f3f0d",
                    "test_batch.bin": "md5:803d5f7f4d78ea53de84dbe85f74fb6d",
                },
                formats.cifar(label_bytes=1),
                archive="cifar-10-binary.tar.gz",
                inside="cifar-10-batches-bin",
            ),
            FileForm(
                "jpeg",
                {"cifar10_jpeg_train.npz": "", "cifar10_jpeg_test.npz": ""},
                jpeg_npz,
                note="JPEG copy",
            ),
        ),
        downloads=(
            Download("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"),
        ),
        citation="Krizhevsky (2009), Learning multiple layers of features from tiny images, University of Toronto",
        licence="none stated; research use with citation",
    ),
    DataSet(
        name="cifar100",
        title="CIFAR-100",
        counts=(50000, 10000),
        shape=(32, 32, 3),
        classes=CIFAR100,
        forms=(
            FileForm(
                "binary",
                {
                    "train.bin": "md5:6172c7755cfe09b2fe270c85cebc1b15",
                    "test.bin": "md5:4499cfba6c016c1be1438163640a0898",
                },
                formats.cifar(label_bytes=2),
                archive="cifar-100-binary.tar.gz",
                inside="cifar-100-binary",
            ),
        ),
        downloads=(
            Download(
                "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "md5:03b5dce01913d631647c71ecec9e9cb8"
            ),
        ),
        citation="Krizhevsky (2009), Learning multiple layers of features from tiny images, University of Toronto",
        licence="none stated; research use with citation",
    ),
    DataSet(
        name="svhn",
        title="SVHN",
        counts=(73257, 26032),
        shape=(32, 32, 3),
        classes=DIGITS,
        forms=(
            FileForm(
                "matlab",
                {
                    "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
                    "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
                },
                formats.svhn,
            ),
        ),
        downloads=(
            Download("http://ufldl.stanford.edu/housenumbers/train_32x32.mat", "md5:e26dedcc434d2e4c54c9b2d4a06d8373"),
            Download("http://ufldl.stanford.edu/housenumbers/test_32x32.mat", "md5:eb5a983be6a315427106f1b164d9cef3"),
        ),
        citation="Netzer et al. (2011), NIPS Workshop on Deep Learning and Unsupervised Feature Learning",
        licence="non-commercial use",
    ),
    DataSet(
        name="stl10",
        title="STL-10",
        counts=(5000, 8000),
        shape=(96, 96, 3),
        classes=STL10,
        forms=(
            FileForm(
                "binary",
                {
                    "train_X.bin": "md5:918c2871b30a85fa023e0c44e0bee87f",
                    "train_y.bin": "md5:5a34089d4802c674881badbb80307741",
                    "test_X.bin": "md5:7f263ba9f9e0b06b93213547f721ac82",
                    "test_y.bin": "md5:36f9794fa4beb8a2c72628de14fa638e",
                },
                formats.stl10,
                archive="stl10_binary.tar.gz",
                inside="stl10_binary",
            ),
        ),
        downloads=(
            Download(
                "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz", "md5:91f7769df0f17e558f3565bffb0c7dfb"
            ),
        ),
        citation="Coates, Ng and Lee (2011), AISTATS, PMLR 15, 215-223",
        licence="research use; images from ImageNet",
    ),
    _medmnist("pathmnist", "PathMNIST", (89996, 7180), (28, 28, 3), PATH, "a8b06965200029087d5bd730944a56c1"),
    _medmnist("chestmnist", "ChestMNIST", (78468, 22433), (28, 28), CHEST, "02c8a6516a18b556561a56cbdd36c4a8"),
    DataSet(
        name="imagenet",
        title="ImageNet",
        counts=None,
        shape=(224, 224, 3),
        classes=(),
        forms=(TreeForm(size=224),),
        citation="Russakovsky et al. (2015), IJCV 115, 211-252, doi:10.1007/s11263-015-0816-y",
        licence="non-commercial research; access by registration",
    ),
)

TABLE: dict[str, DataSet] = {data_set.name: data_set for data_set in DATA_SETS}
