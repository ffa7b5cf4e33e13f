"""
Names of Java classes, as ``Class.getName`` returns them: those of arrays are descriptors.

``byte[]`` is ``[B``, and ``java.lang.String[]`` is ``[Ljava.lang.String;``.
"""

from __future__ import annotations

from rpcfw_dubbo.descriptors import descriptor_of, java_types_of

__all__ = ["class_name_of", "java_type_of"]


def class_name_of(java_type: str) -> str:
    """
    Return the name of the class of a Java type, as ``byte[]``.
    """
    if not java_type.endswith("[]"):
        return java_type
    return descriptor_of((java_type,)).replace("/", ".")


def java_type_of(class_name: str) -> str:
    """
    Return the Java type of a class.

    Nothing is remembered here: a peer chooses the name.

    Raises:
        ValueError: it is an array of nothing that there is.
    """
    if not class_name.startswith("["):
        return class_name
    types = java_types_of(class_name.replace(".", "/"))
    if len(types) != 1:
        raise ValueError(f"{class_name[:100]!r} is no class of Java")
    return types[0]
