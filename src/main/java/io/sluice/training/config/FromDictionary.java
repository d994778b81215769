package io.sluice.training.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import java.io.IOException;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * Training goes on from a dictionary (fine-tuning): its weights, converted to the scales of
 * training, are the parameters before the first step.
 *
 * @param place its folder or file, in any format that is read
 * @param activationScale the factor of activations that its files do not hold, if they need one
 * @param checksum CRC32C of its weights: a run that starts again starts at the same ones
 */
public record FromDictionary(String place, OptionalDouble activationScale, long checksum)
    implements Start {
  static final String LABEL = "dictionary";
  private static final String PLACE = "from";
  private static final String SCALE = "fromActivationScale";
  private static final String CHECKSUM = "fromChecksum";

  public FromDictionary {
    Objects.requireNonNull(place, "place");
    Objects.requireNonNull(activationScale, "activationScale");
  }

  @Override
  public void write(ObjectNode config) {
    config.put("init", LABEL);
    config.put(PLACE, place);
    activationScale.ifPresent(scale -> config.put(SCALE, scale));
    config.put(CHECKSUM, checksum);
  }

  static FromDictionary read(Fields config) throws IOException {
    return new FromDictionary(
        config.text(PLACE),
        config.has(SCALE)
            ? OptionalDouble.of(config.real(SCALE, Double.MIN_VALUE, Double.MAX_VALUE))
            : OptionalDouble.empty(),
        config.whole(CHECKSUM, 0, 0xffff_ffffL));
  }
}
