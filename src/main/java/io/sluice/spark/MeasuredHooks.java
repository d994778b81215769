package io.sluice.spark;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.results.StoreSpectra;
import io.sluice.geometry.StatisticsWriter;
import io.sluice.report.Spectra;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.storage.StorageLevel;

/** Brings to the driver what executors have measured of hook points. */
final class MeasuredHooks {
  private MeasuredHooks() {}

  /**
   * The spectra, in the order of the hook points. Covariances, if they are wanted, wait on the
   * executors' disks and go one after the other through the driver into their file.
   *
   * @param measured what executors measure; with moments if {@code stats} is given
   * @param spectra writes the file
   * @param stats the file of covariances; null if they are not wanted
   */
  static List<Spectra.Hook> of(JavaRDD<Measured> measured, StoreSpectra spectra, Path stats)
      throws IOException {
    if (stats == null) {
      return inOrder(measured.collect());
    }
    measured.persist(StorageLevel.DISK_ONLY());
    List<Spectra.Hook> hooks = inOrder(measured.map(Measured::withoutMoments).collect());
    // Without a token the command ends with an error.
    if (hooks.getFirst().tokens() > 0) {
      try (StatisticsWriter file = spectra.statistics(stats, hooks)) {
        Iterator<Measured> each = measured.toLocalIterator();
        while (each.hasNext()) {
          Measured one = each.next();
          file.append(hooks.get(one.hook()).hook(), one.moments().tokens().unpacked());
        }
        file.commit();
      }
    }
    return hooks;
  }

  private static List<Spectra.Hook> inOrder(List<Measured> measured) throws IOException {
    List<Measured> ordered =
        measured.stream().sorted(Comparator.comparingInt(Measured::hook)).toList();
    List<Spectra.Hook> hooks = new ArrayList<>();
    for (Measured each : ordered) {
      hooks.add(new ObjectMapper().readValue(each.json(), Spectra.Hook.class));
    }
    return hooks;
  }
}
