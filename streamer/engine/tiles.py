"""Matrix products for numba kernels, as LLVM vectors: 16 rows at once, or 16 outputs of one row.

Either way an output is the same chain of fused multiply-adds in the same order, so that it has the same bits.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16  # rows of a block, and outputs of a tile of weights

_I32, _I64, _FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_UNDEFINED = ir.Constant(_VECTOR, ir.Undefined)
_FIRST = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)

Terms = Callable[[Any], list[tuple[Any, Any]]]  # k: (index of a scalar, index of a vector) for each vector of outputs


def _whole(value: int) -> ir.Constant:
    return ir.Constant(_I64, value)


def _load(builder: Any, base: Any, index: Any) -> Any:
    """Return a vector that begins anywhere."""
    return builder.load(builder.bitcast(builder.gep(base, [index]), _VECTOR.as_pointer()), align=4)


def _broadcast(builder: Any, scalar: Any) -> Any:
    single = builder.insert_element(_UNDEFINED, scalar, ir.Constant(_I32, 0))
    return builder.shuffle_vector(single, _UNDEFINED, _FIRST)


def _accumulate(
    builder: Any, out: Any, before: list[Any], scalars: Any, vectors: Any, length: Any, terms: Terms
) -> None:
    """Fill vectors of outputs: what they begin with, and the products of `length` scalars and vectors."""
    fma = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{LANES}f32"
    )
    entry, body, end = builder.basic_block, builder.append_basic_block(), builder.append_basic_block()
    builder.branch(body)
    builder.position_at_end(body)
    k = builder.phi(_I64)
    k.add_incoming(_whole(0), entry)
    sums = [builder.phi(_VECTOR) for _ in before]
    after = []
    for total, start, (scalar, vector) in zip(sums, before, terms(k), strict=True):
        total.add_incoming(start, entry)
        broadcast = _broadcast(builder, builder.load(builder.gep(scalars, [scalar])))
        after.append(builder.call(fma, [broadcast, _load(builder, vectors, vector), total]))
        total.add_incoming(after[-1], body)
    following = builder.add(k, _whole(1))
    k.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, length), body, end)
    builder.position_at_end(end)
    for r, value in enumerate(after):
        place = builder.bitcast(builder.gep(out, [_whole(r * LANES)]), _VECTOR.as_pointer())
        builder.store(value, place, align=4)


def _product(count: int, by_rows: bool) -> Any:
    @intrinsic
    def product(
        typing: Any, out: Any, o: Any, bias: Any, b: Any, weights: Any, w: Any, inputs: Any, x: Any, length: Any
    ) -> Any:
        whole = types.intp
        signature = types.void(out, whole, bias, whole, weights, whole, inputs, whole, whole)

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            def pointer(which: int) -> Any:
                array = cgutils.create_struct_proxy(signature.args[which])(context, builder, values[which])
                return builder.gep(array.data, [values[which + 1]])

            def by_16_rows(k: Any) -> list[tuple[Any, Any]]:
                at = builder.mul(k, _whole(LANES))
                return [(builder.add(at, _whole(r)), at) for r in range(count)]

            def by_16_outputs(k: Any) -> list[tuple[Any, Any]]:
                return [
                    (k, builder.mul(builder.add(builder.mul(values[8], _whole(u)), k), _whole(LANES)))
                    for u in range(count)
                ]

            to, first, weight, source = pointer(0), pointer(2), pointer(4), pointer(6)
            if by_rows:
                begin = [_broadcast(builder, builder.load(builder.gep(first, [_whole(r)]))) for r in range(count)]
                _accumulate(builder, to, begin, weight, source, values[8], by_16_rows)
            else:
                begin = [_load(builder, first, _whole(r * LANES)) for r in range(count)]
                _accumulate(builder, to, begin, source, weight, values[8], by_16_outputs)
            return context.get_dummy_value()

        return signature, generate

    return product


# (out, at, bias, at, weights, at, inputs, at, length): weights lie as (tiles, length, 16);
# inputs and outputs of 16 rows as (numbers, 16), those of one row as (numbers,)
tile_of_rows = _product(LANES, by_rows=True)
tile_of_one = _product(1, by_rows=False)
tiles_of_one = _product(4, by_rows=False)


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fma(*values)

    return types.float32(types.float32, types.float32, types.float32), generate


@intrinsic
def two_to(typing: Any, exponent: Any) -> Any:
    """Return 2 to the power of a whole number, -126 to 127, given as float32."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        biased = builder.add(builder.fptosi(values[0], _I32), ir.Constant(_I32, 127))
        return builder.bitcast(builder.shl(biased, ir.Constant(_I32, 23)), _FLOAT)

    return types.float32(types.float32), generate
