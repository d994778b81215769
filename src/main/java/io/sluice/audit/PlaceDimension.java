package io.sluice.audit;

import io.sluice.geometry.CovarianceAccumulator;
import io.sluice.geometry.Spectrum;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;

/** The spectrum of the activations of a place, which come in parts. */
final class PlaceDimension implements AutoCloseable {
  private final CovarianceAccumulator covariance;
  private Spectrum spectrum;

  PlaceDimension(int width) {
    covariance = CovarianceAccumulator.on(Device.CPU, width);
  }

  void add(Rows rows) {
    covariance.add(rows.memory(), rows.dtype(), rows.count());
  }

  /** The spectrum of all rows; called when there are no more. */
  Spectrum spectrum() {
    if (spectrum == null) {
      spectrum = Spectrum.of(covariance.covariance());
    }
    return spectrum;
  }

  @Override
  public void close() {
    covariance.close();
  }
}
