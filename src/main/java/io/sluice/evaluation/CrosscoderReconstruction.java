package io.sluice.evaluation;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Replaces several activations by a crosscoder's reconstructions of them. Its features read all
 * sites, and replacing one site changes the later ones. So it reads the unchanged model in a
 * separate pass, and replaces all sites by their reconstructions in the next pass.
 */
public final class CrosscoderReconstruction implements JointReplacement {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final DictionaryConfig config;
  private final RunningDictionary dictionary;
  private final ReplacedPositions positions;

  /** The first column of each site. */
  private final Map<HookPoint, Integer> columns = new LinkedHashMap<>();

  private final TreeMap<HookPoint, Integer> widths = new TreeMap<>();
  private final Set<HookPoint> read = new HashSet<>();
  private final Set<HookPoint> written = new HashSet<>();
  private final GrowingMemory seenMemory = GrowingMemory.owned();
  private final GrowingMemory madeMemory = GrowingMemory.owned();
  private MemorySegment seen = MemorySegment.NULL;
  private MemorySegment made = MemorySegment.NULL;
  private int rows;

  /**
   * Opens an engine for the dictionary.
   *
   * @param from the first position that is replaced
   * @throws IllegalArgumentException if the dictionary does not write several hook points that it
   *     reads
   */
  public CrosscoderReconstruction(Dictionary dictionary, EngineFactory engines, int from) {
    config = dictionary.config();
    positions = new ReplacedPositions(from);
    if (config.sites().isEmpty() || !config.isAutoencoder()) {
      throw new IllegalArgumentException(
          "the dictionary reads '%s' and writes '%s', so it is not a crosscoder"
              .formatted(config.inputHook(), config.outputHook()));
    }
    int at = 0;
    for (Site site : config.sites()) {
      HookPoint point = HookPoint.parse(site.hook());
      columns.put(point, at);
      widths.put(point, site.width());
      at += site.width();
    }
    this.dictionary = new RunningDictionary(dictionary, engines);
  }

  @Override
  public Map<HookPoint, Integer> widths() {
    return Map.copyOf(widths);
  }

  @Override
  public Set<HookPoint> replaced() {
    return Set.copyOf(columns.keySet());
  }

  @Override
  public Hooks reading() {
    return Hooks.none().observe(columns.keySet(), this::read);
  }

  @Override
  public Hooks hooks() {
    Hooks hooks = Hooks.none();
    for (HookPoint point : columns.keySet()) {
      hooks = hooks.replace(point, this::replace);
    }
    return hooks;
  }

  private void read(HookPoint point, Tensor activation) {
    if (positions.areNone(activation)) {
      return;
    }
    try (Arena scratch = Arena.ofConfined()) {
      Rows own = positions.hostRows(activation, scratch);
      int width = own.width();
      if (read.isEmpty()) {
        rows = own.count();
        seen = seenMemory.of(rows, config.inputWidth());
        made = madeMemory.of(rows, config.inputWidth());
      }
      read.add(point);
      copy(own.memory(), width, 0, seen, config.inputWidth(), columns.get(point), width);
    }
  }

  private Tensor replace(HookPoint point, Tensor activation) {
    if (positions.areNone(activation)) {
      return activation;
    }
    if (written.isEmpty()) {
      reconstruct();
    }
    int width = widths.get(point);
    Tensor result = Tensor.empty(DType.F32, Device.CPU, rows, width);
    copy(made, config.inputWidth(), columns.get(point), result.data(), width, 0, width);
    written.add(point);
    if (written.size() == columns.size()) {
      written.clear();
      read.clear();
    }
    return positions.put(activation, result);
  }

  private void reconstruct() {
    if (read.size() != columns.size()) {
      throw new IllegalStateException(
          "only %s of %s were read; run the unchanged model over the batch first"
              .formatted(read, columns.keySet()));
    }
    Rows batch = new Rows(seen, DType.F32, rows, config.inputWidth());
    dictionary.reconstruct(batch, batch, made);
  }

  /** Copies a range of columns of every row. */
  private void copy(
      MemorySegment source,
      int sourceWidth,
      int sourceColumn,
      MemorySegment target,
      int targetWidth,
      int targetColumn,
      int width) {
    for (long row = 0; row < rows; row++) {
      MemorySegment.copy(
          source,
          FLOAT,
          (row * sourceWidth + sourceColumn) * Float.BYTES,
          target,
          FLOAT,
          (row * targetWidth + targetColumn) * Float.BYTES,
          width);
    }
  }

  @Override
  public void close() {
    dictionary.close();
    seenMemory.close();
    madeMemory.close();
  }
}
