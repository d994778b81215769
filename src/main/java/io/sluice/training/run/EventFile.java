package io.sluice.training.run;

import io.sluice.files.OutputFolder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Metrics as TensorBoard reads them: a file of events for each sitting of a run, which begins at
 * its first line of metrics. A file is a sequence of records in TensorFlow's framing (length, its
 * checksum, data, its checksum), each an {@code Event} in the encoding of protocol buffers ({@code
 * tensorflow/core/util/event.proto}). A sitting that continues a run begins with the event of a
 * restart, at which TensorBoard forgets what an earlier one has written of the same steps.
 */
final class EventFile implements AutoCloseable {
  private static final String NAMES = "events.out.tfevents.*.sluice";

  /** Fields of {@code Event}. */
  private static final int WALL_TIME = 1;

  private static final int STEP = 2;
  private static final int FILE_VERSION = 3;
  private static final int SUMMARY = 5;
  private static final int SESSION_LOG = 7;

  /** Field of {@code Summary}, and those of {@code Summary.Value}. */
  private static final int VALUE = 1;

  private static final int TAG = 1;
  private static final int SIMPLE_VALUE = 2;

  /** Field of {@code SessionLog}, and its value {@code START}. */
  private static final int STATUS = 1;

  private static final int START = 1;

  /** Types on the wire. */
  private static final int VARINT = 0;

  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  /** More than an event of all metrics takes. */
  private static final int MOST = 4096;

  private final Path folder;
  private final long continuedAfter;
  private Path file;
  private FileChannel channel;

  /**
   * A file that is made when it gets its first metrics.
   *
   * @param folder the run's
   * @param continuedAfter the last step whose earlier metrics stay; 0 at the start of a run
   */
  EventFile(Path folder, long continuedAfter) {
    this.folder = folder;
    this.continuedAfter = continuedAfter;
  }

  /** Deletes the files of all sittings. */
  static void deleteAll(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, NAMES)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
  }

  /**
   * Appends an event with a scalar for each metric.
   *
   * @throws IOException if it cannot be written; one line that names the file
   */
  void append(Metrics metrics) throws IOException {
    try {
      if (channel == null) {
        open();
      }
      ByteBuffer values = buffer();
      scalars(metrics)
          .forEach(
              (tag, value) -> {
                ByteBuffer one = buffer();
                bytes(one, TAG, utf8(tag));
                key(one, SIMPLE_VALUE, FIXED32);
                one.putFloat(value.floatValue());
                bytes(values, VALUE, one.flip());
              });
      ByteBuffer event = event(metrics.step());
      bytes(event, SUMMARY, values.flip());
      write(event.flip());
    } catch (IOException e) {
      throw new IOException(
          "%s: cannot be written (%s); make room, then continue with --resume"
              .formatted(file, e.getMessage()),
          e);
    }
  }

  private static Map<String, Double> scalars(Metrics metrics) {
    Map<String, Double> scalars = new LinkedHashMap<>();
    scalars.put("train/loss", metrics.loss());
    scalars.put("train/fvu", metrics.fvu());
    scalars.put("train/l0", metrics.l0());
    scalars.put("train/dead_fraction", metrics.deadFraction());
    scalars.put("train/learning_rate", metrics.learningRate());
    scalars.put("train/tokens", (double) metrics.tokens());
    scalars.put("train/tokens_per_second", metrics.tokensPerSecond());
    if (metrics.heldOutFvu() != null) {
      scalars.put("held_out/fvu", metrics.heldOutFvu());
    }
    return scalars;
  }

  /** TensorBoard reads the files of a folder in the order of their names. */
  private void open() throws IOException {
    long seconds = System.currentTimeMillis() / 1000;
    do {
      file = folder.resolve(String.format(Locale.ROOT, NAMES.replace("*", "%010d"), seconds++));
    } while (Files.exists(file));
    channel =
        OutputFolder.open(folder, file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    ByteBuffer version = event(0);
    bytes(version, FILE_VERSION, utf8("brain.Event:2"));
    write(version.flip());
    if (continuedAfter > 0) {
      ByteBuffer status = buffer();
      key(status, STATUS, VARINT);
      varint(status, START);
      ByteBuffer restart = event(continuedAfter + 1);
      bytes(restart, SESSION_LOG, status.flip());
      write(restart.flip());
    }
  }

  private static ByteBuffer event(long step) {
    ByteBuffer event = buffer();
    key(event, WALL_TIME, FIXED64);
    event.putDouble(System.currentTimeMillis() / 1000.0);
    key(event, STEP, VARINT);
    varint(event, step);
    return event;
  }

  private void write(ByteBuffer data) throws IOException {
    ByteBuffer length = buffer().putLong(data.remaining()).flip();
    ByteBuffer record = buffer().put(length.duplicate()).putInt(checksum(length));
    record.put(data.duplicate()).putInt(checksum(data)).flip();
    while (record.hasRemaining()) {
      channel.write(record);
    }
  }

  /** The masked checksum of TensorFlow's records. */
  private static int checksum(ByteBuffer data) {
    CRC32C crc = new CRC32C();
    crc.update(data.duplicate());
    return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
  }

  private static ByteBuffer buffer() {
    return ByteBuffer.allocate(MOST).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static ByteBuffer utf8(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void bytes(ByteBuffer into, int field, ByteBuffer value) {
    key(into, field, BYTES);
    varint(into, value.remaining());
    into.put(value);
  }

  private static void key(ByteBuffer into, int field, int type) {
    varint(into, (long) field << 3 | type);
  }

  private static void varint(ByteBuffer into, long value) {
    long rest = value;
    while (rest > 0x7f) {
      into.put((byte) (rest | 0x80));
      rest >>>= 7;
    }
    into.put((byte) rest);
  }

  @Override
  public void close() throws IOException {
    if (channel != null) {
      channel.close();
    }
  }
}
