package io.sluice.cli;

import io.sluice.cli.results.StoreSpectra;
import io.sluice.geometry.StoreCovariance;
import io.sluice.geometry.TokenMoments;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import java.io.IOException;
import java.util.List;

/**
 * What {@code sluice spectrum} measures of a store.
 *
 * @param store the store
 * @param spectra measures covariances
 * @param columns the hook points
 * @param rows selects the rows to use
 * @param device where covariances are taken
 * @param directions whether the moments of directions are taken, too
 * @param verified whether files are compared with their checksums before they are used
 */
public record StoreMeasuring(
    ActivationStore store,
    StoreSpectra spectra,
    List<Column> columns,
    RowFilter rows,
    Device device,
    boolean directions,
    boolean verified) {
  /**
   * The same of a store with the same rows and columns, for instance one with another shard here.
   */
  public StoreMeasuring in(ActivationStore other) {
    return new StoreMeasuring(other, spectra, columns, rows, device, directions, verified);
  }

  /**
   * The moments of one column in one shard.
   *
   * @throws IOException if a value is not finite; the message names column and row
   */
  public TokenMoments moments(int shard, Column column) throws IOException {
    return StoreCovariance.ofShard(store, shard, column, rows, device, directions);
  }
}
