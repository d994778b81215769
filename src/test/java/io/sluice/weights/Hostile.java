package io.sluice.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Builds weight files that no program would write. */
final class Hostile {
  private Hostile() {}

  /** A safetensors file with any header and any values. */
  static Path file(Path folder, String header, byte[] values) throws IOException {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + text.length + values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(text.length).put(text).put(values);
    return Files.write(Files.createTempFile(folder, "hostile", ".safetensors"), bytes.array());
  }
}
