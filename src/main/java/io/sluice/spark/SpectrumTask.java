package io.sluice.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.sluice.cli.Main;
import io.sluice.cli.StoreMeasuring;
import io.sluice.geometry.TokenMoments;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/** What an executor does for {@link ClusterSpectrum}, with the store open once in its process. */
final class SpectrumTask {
  private static final Map<List<String>, SpectrumTask> OPEN = new ConcurrentHashMap<>();

  private final StoreMeasuring measuring;

  private SpectrumTask(StoreMeasuring measuring) {
    this.measuring = measuring;
  }

  /**
   * The task of a command line.
   *
   * @throws IOException if this executor does not see the store, or it is damaged
   */
  static SpectrumTask of(List<String> words) throws IOException {
    SpectrumTask open = OPEN.get(words);
    if (open == null) {
      open = new SpectrumTask(Main.parsed(new ClusterSpectrum(), words).measuringHere());
      OPEN.put(words, open);
    }
    return open;
  }

  /**
   * The moments of a shard's columns, each taken when it is asked for.
   *
   * @param required what this executor has to have
   * @param rows is told of the rows of each column
   */
  Iterator<Tuple2<MomentNode, PackedMoments>> moments(
      int shard, MixedExecutors.Required required, LongAccumulator rows) throws IOException {
    required.check();
    if (measuring.verified()) {
      measuring.store().verify(shard);
    }
    List<Column> columns = measuring.columns();
    return IntStream.range(0, columns.size())
        .mapToObj(
            hook -> {
              PackedMoments moments = PackedMoments.of(moments(shard, columns.get(hook)));
              rows.add(measuring.store().shards().get(shard).rows());
              return new Tuple2<>(new MomentNode(hook, shard), moments);
            })
        .iterator();
  }

  private TokenMoments moments(int shard, Column column) {
    try {
      return measuring.moments(shard, column);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The spectrum of a hook point; {@code keep}: whether the result has the moments, too. */
  Measured spectrum(Tuple2<MomentNode, PackedMoments> root, boolean keep)
      throws JsonProcessingException {
    String column = measuring.columns().get(root._1().hook()).name();
    return Measured.of(measuring.spectra(), column, root, keep);
  }
}
