package io.sluice.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.sluice.cli.Main;
import io.sluice.cli.StoreMeasuring;
import io.sluice.geometry.TokenMoments;
import io.sluice.spark.storage.StorePlace;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/** What an executor does for {@link ClusterSpectrum}, with the store open once in its process. */
final class SpectrumTask {
  private static final Map<Work, SpectrumTask> OPEN = new ConcurrentHashMap<>();

  private final StorePlace place;
  private final StoreMeasuring measuring;

  private record Work(List<String> words, StorePlace place) {}

  private SpectrumTask(StorePlace place, StoreMeasuring measuring) {
    this.place = place;
    this.measuring = measuring;
  }

  /**
   * The task of a command line.
   *
   * @throws IOException if this executor does not see the store, or it is damaged
   */
  static SpectrumTask of(List<String> words, StorePlace place) throws IOException {
    Work work = new Work(words, place);
    SpectrumTask open = OPEN.get(work);
    if (open == null) {
      if (!place.isRemote()) {
        ExecutorPath.require(Path.of(place.folder()));
      }
      ClusterSpectrum command = Main.parsed(new ClusterSpectrum(), words);
      open = new SpectrumTask(place, command.measuringHere(place.outline(false)));
      OPEN.put(work, open);
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
    StoreMeasuring here = measuring.in(place.open(false, measuring.verified(), shard));
    List<Column> columns = measuring.columns();
    return IntStream.range(0, columns.size())
        .mapToObj(
            hook -> {
              PackedMoments moments = PackedMoments.of(moments(here, shard, columns.get(hook)));
              rows.add(here.store().shards().get(shard).rows());
              return new Tuple2<>(new MomentNode(hook, shard), moments);
            })
        .iterator();
  }

  private static TokenMoments moments(StoreMeasuring here, int shard, Column column) {
    try {
      return here.moments(shard, column);
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
