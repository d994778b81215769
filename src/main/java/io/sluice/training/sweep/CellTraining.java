package io.sluice.training.sweep;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Trains the cells of a sweep: in this process, or by having others do it. */
@FunctionalInterface
public interface CellTraining {
  /**
   * Trains cells, each in its folder, until each has a result or cannot be trained.
   *
   * @param cells those that have no result yet
   * @return why cells could not be trained, by their names; all others have ended
   * @throws IOException if data is not finite or writing fails
   * @throws io.sluice.training.run.StoppedException if the listener requested it
   */
  Map<String, String> train(List<SweepCell> cells, SweepListener listener) throws IOException;
}
