package io.sluice.model.capture;

import io.sluice.store.ActivationStore;
import io.sluice.store.Shard;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** What a store holds, as lists. */
final class StoredValues {
  private StoredValues() {}

  /** A column of numbers, in the order of the rows. */
  static List<Integer> ints(ActivationStore store, String column) {
    List<Integer> values = new ArrayList<>();
    for (Shard shard : store.shards()) {
      MemorySegment data = shard.data(column);
      for (int i = 0; i < shard.rows(); i++) {
        values.add(data.getAtIndex(ValueLayout.JAVA_INT, i));
      }
    }
    return values;
  }

  /** A hook point's values, row after row. */
  static List<Float> floats(ActivationStore store, String column) {
    List<Float> values = new ArrayList<>();
    try (TensorScope scope = TensorScope.open()) {
      for (Shard shard : store.shards()) {
        for (float value : shard.tensor(column).toFloats()) {
          values.add(value);
        }
      }
    }
    return values;
  }
}
