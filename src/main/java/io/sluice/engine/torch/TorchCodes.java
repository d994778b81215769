package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.Prefixes;
import io.sluice.engine.torch.transfer.HostScratch;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The sparse codes of a batch as tensors on the device, token after token, as {@link Codes} in host
 * memory. A bag is a group of entries that are summed into one row of a reconstruction: those of a
 * token or, with nested dictionaries, those of a token in one level.
 *
 * @param rows tokens
 * @param entries number of codes of all tokens
 * @param features int32 {@code [entries]}
 * @param values float32 {@code [entries]}
 * @param offsets where each bag's entries begin, and all end; int32 {@code [bags + 1]}
 * @param tokens the token of each entry; int32 {@code [entries]}
 * @param bags the bag of each entry, int32 {@code [entries]}; the same tensor as {@code tokens}
 *     where each token is one bag
 */
record TorchCodes(
    int rows,
    int entries,
    Tensor features,
    Tensor values,
    Tensor offsets,
    Tensor tokens,
    Tensor bags) {

  /** A copy of codes in host memory. */
  static TorchCodes upload(Codes codes, Prefixes prefixes, HostScratch scratch, Device device) {
    int rows = codes.rows();
    int entries = codes.entries();
    int levels = prefixes.levels();
    MemorySegment tokens = scratch.ints("tokens of entries", entries);
    MemorySegment bags = levels == 1 ? tokens : scratch.ints("bags of entries", entries);
    MemorySegment starts = scratch.ints("starts of bags", (long) rows * levels + 1);
    for (int row = 0; row < rows; row++) {
      int from = codes.offset(row);
      int end = codes.offset(row + 1);
      for (int entry = from; entry < end; entry++) {
        tokens.setAtIndex(ValueLayout.JAVA_INT, entry, row);
      }
      for (int level = 0; level < levels; level++) {
        int bag = row * levels + level;
        starts.setAtIndex(ValueLayout.JAVA_INT, bag, from);
        int next = levels == 1 ? end : prefixes.end(codes, level, from, end);
        for (int entry = from; levels > 1 && entry < next; entry++) {
          bags.setAtIndex(ValueLayout.JAVA_INT, entry, bag);
        }
        from = next;
      }
    }
    starts.setAtIndex(ValueLayout.JAVA_INT, (long) rows * levels, entries);
    Tensor ofTokens = send(tokens, DType.I32, device, entries);
    return new TorchCodes(
        rows,
        entries,
        send(codes.features(), DType.I32, device, entries),
        send(codes.values(), DType.F32, device, entries),
        send(starts, DType.I32, device, (long) rows * levels + 1),
        ofTokens,
        levels == 1 ? ofTokens : send(bags, DType.I32, device, entries));
  }

  /** A tensor of its own, on the device, with what is in host memory now. */
  private static Tensor send(MemorySegment memory, DType dtype, Device device, long count) {
    Tensor host = Tensor.of(memory, dtype, count);
    return device.isCuda() ? host.to(device) : host.copy();
  }

  /**
   * Marks the chosen features that are codes: above 0, or not 0 if codes are signed; NaN counts as
   * a code.
   */
  static Tensor kept(Tensor activations, boolean signed) {
    Tensor zero = Tensor.zeros(DType.F32, activations.device(), 1);
    // Not (value > 0), which would pass over NaN.
    return signed ? activations.ne(zero) : activations.le(zero).not();
  }

  /**
   * The codes of tokens of which {@code k} features each were chosen. Each token is one bag.
   *
   * @param chosen int64 {@code [rows, k]}
   * @param activations float32 {@code [rows, k]}
   * @param kept which of them are codes
   * @param entries how many of them are
   */
  static TorchCodes ofChosen(
      Tensor chosen, Tensor activations, Tensor kept, int entries, DeviceIntegers numbers) {
    int rows = Math.toIntExact(chosen.size(0));
    int k = Math.toIntExact(chosen.size(1));
    int all = Math.multiplyExact(rows, k);
    Tensor tokens =
        numbers.wholeTo(rows).reshape(rows, 1).expand(rows, k).contiguous().reshape(all);
    Tensor features = chosen.reshape(all);
    Tensor values = activations.reshape(all);
    Tensor offsets;
    if (entries == all) {
      // LibTorch's sums and products with a number are of floating type; float64 is exact here.
      offsets = numbers.upTo(rows + 1L).to(DType.F64).mul(k);
    } else {
      Tensor places = kept.reshape(all).nonzero().reshape(-1);
      features = features.indexSelect(0, places);
      values = values.indexSelect(0, places);
      tokens = tokens.indexSelect(0, places);
      Tensor ends = kept.to(DType.I64).sum(false, 1).cumsum(0);
      offsets = ShapeOperators.cat(List.of(numbers.upTo(1), ends), 0);
    }
    return new TorchCodes(
        rows,
        entries,
        features.to(DType.I32),
        values.contiguous(),
        offsets.to(DType.I32),
        tokens,
        tokens);
  }

  /**
   * Codes of which each token is one bag.
   *
   * @param features int32, token after token
   * @param tokens int32, ascending
   */
  static TorchCodes ofTokens(
      int rows, Tensor features, Tensor values, Tensor tokens, DeviceIntegers numbers) {
    Tensor offsets = tokens.searchSorted(numbers.wholeTo(rows + 1L), false).to(DType.I32);
    int entries = Math.toIntExact(tokens.elements());
    return new TorchCodes(rows, entries, features, values, offsets, tokens, tokens);
  }

  /**
   * Only the entries that are marked; each token is one bag.
   *
   * @param kept bool {@code [entries]}
   */
  TorchCodes only(Tensor kept, DeviceIntegers numbers) {
    Tensor places = kept.nonzero().reshape(-1);
    return ofTokens(
        rows,
        features.indexSelect(0, places),
        values.indexSelect(0, places),
        tokens.indexSelect(0, places),
        numbers);
  }

  /** The same entries with other values. */
  TorchCodes withValues(Tensor others) {
    return new TorchCodes(rows, entries, features, others, offsets, tokens, bags);
  }

  /** {@code ⟨residual[bag], rows[j]⟩} for each entry; there is at least one. */
  Tensor products(Tensor residual, Tensor decoder) {
    return residual.bagProducts(decoder, features, offsets, bags);
  }

  /**
   * The same with a bag for each token and level of nested dictionaries.
   *
   * @param ends where the levels end, int32, ascending; a token's features ascend as well
   */
  TorchCodes inLevels(Tensor ends, DeviceIntegers numbers) {
    long levels = ends.elements();
    // LibTorch's arithmetic with a number is of floating type; float64 is exact here.
    Tensor own =
        tokens
            .to(DType.F64)
            .mul(levels)
            .add(ends.searchSorted(features, true).to(DType.F64))
            .to(DType.I32);
    Tensor starts = own.searchSorted(numbers.wholeTo(rows * levels + 1), false).to(DType.I32);
    return new TorchCodes(rows, entries, features, values, starts, tokens, own);
  }

  /** These and those below them, of as many tokens more; each token is one bag. */
  TorchCodes above(TorchCodes others) {
    Tensor moved = others.tokens.to(DType.F64).add(rows).to(DType.I32);
    Tensor further =
        others.offsets.narrow(0, 1, others.rows).to(DType.F64).add(entries).to(DType.I32);
    Tensor allTokens = ShapeOperators.cat(List.of(tokens, moved), 0);
    return new TorchCodes(
        rows + others.rows,
        entries + others.entries,
        ShapeOperators.cat(List.of(features, others.features), 0),
        ShapeOperators.cat(List.of(values, others.values), 0),
        ShapeOperators.cat(List.of(offsets, further), 0),
        allTokens,
        allTokens);
  }

  /** The same in a scope that lives longer. */
  TorchCodes moveTo(TensorScope scope) {
    for (Tensor tensor : List.of(features, values, offsets, tokens)) {
      tensor.moveTo(scope);
    }
    if (bags != tokens) {
      bags.moveTo(scope);
    }
    return this;
  }

  /** Copies the codes, whose tokens are one bag each, to host memory. */
  void copyTo(Codes codes, HostScratch scratch) {
    MemorySegment hostFeatures = scratch.ints("features", entries);
    MemorySegment hostValues = scratch.floats("values", entries);
    MemorySegment hostOffsets = scratch.ints("offsets", rows + 1L);
    features.copyTo(hostFeatures);
    values.copyTo(hostValues);
    offsets.copyTo(hostOffsets);
    codes.begin(rows, entries);
    int entry = 0;
    for (int row = 0; row < rows; row++) {
      int end = hostOffsets.getAtIndex(ValueLayout.JAVA_INT, row + 1);
      for (; entry < end; entry++) {
        codes.put(
            entry,
            hostFeatures.getAtIndex(ValueLayout.JAVA_INT, entry),
            hostValues.getAtIndex(ValueLayout.JAVA_FLOAT, entry));
      }
      codes.endRow(entry);
    }
  }
}
