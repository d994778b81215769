package io.sluice.weights;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;

/** A zip file without compression, of whose directory any field can be another one. */
final class StoredZip {
  private static final int LOCAL = 30;
  private static final int CENTRAL = 46;
  private static final int END = 22;

  /** A name and what it names. */
  record Entry(String name, byte[] data) {}

  /** A line of the directory: an entry's content, size, place and method. */
  private static final class Line {
    private final byte[] name;
    private final byte[] data;
    private int checksum;
    private int packed;
    private int size;
    private int offset;
    private int method;

    Line(String name, byte[] data, int size, int offset) {
      this.name = name.getBytes(StandardCharsets.UTF_8);
      this.data = data;
      this.packed = size;
      this.size = size;
      this.offset = offset;
    }
  }

  private final List<Line> lines = new ArrayList<>();
  private int end;
  private int count = -1;
  private int directory = -1;

  static StoredZip of(Entry... entries) {
    StoredZip zip = new StoredZip();
    for (Entry entry : entries) {
      zip.add(entry.name, entry.data);
    }
    return zip;
  }

  void add(String name, byte[] data) {
    Line line = new Line(name, data, data.length, end);
    CRC32 checksum = new CRC32();
    checksum.update(data);
    line.checksum = (int) checksum.getValue();
    lines.add(line);
    end += LOCAL + line.name.length + data.length;
  }

  /** Another name for an entry: both lie in the same place. */
  void alias(String name, String of) {
    for (Line line : List.copyOf(lines)) {
      if (new String(line.name, StandardCharsets.UTF_8).equals(of)) {
        Line alias = new Line(name, null, line.size, line.offset);
        alias.checksum = line.checksum;
        lines.add(alias);
      }
    }
  }

  /** Makes a field or two of the directory wrong. */
  void damage(Random random) {
    for (int i = random.nextInt(3); i >= 0; i--) {
      Line line = lines.get(random.nextInt(lines.size()));
      Line other = lines.get(random.nextInt(lines.size()));
      int number =
          switch (random.nextInt(4)) {
            case 0 -> random.nextInt();
            case 1 -> -1 - random.nextInt(2);
            case 2 -> random.nextInt(1 << 12);
            default -> other.size;
          };
      switch (random.nextInt(8)) {
        case 0 -> line.size = number;
        case 1 -> line.packed = number;
        case 2 -> {
          line.size = number;
          line.packed = number;
        }
        case 3 -> line.offset = random.nextBoolean() ? other.offset : number;
        case 4 -> line.method = random.nextInt(10);
        case 5 -> lines.add(other);
        case 6 -> count = number;
        default -> directory = number;
      }
    }
  }

  byte[] bytes() {
    int length = lines.stream().mapToInt(line -> CENTRAL + line.name.length).sum();
    ByteBuffer zip = ByteBuffer.allocate(end + length + END).order(ByteOrder.LITTLE_ENDIAN);
    for (Line line : lines) {
      if (line.data != null && zip.position() < end) {
        int size = line.data.length;
        zip.putInt(0x04034b50).putShort((short) 20).putShort((short) 0).putShort((short) 0);
        zip.putInt(0).putInt(line.checksum).putInt(size).putInt(size);
        zip.putShort((short) line.name.length).putShort((short) 0).put(line.name).put(line.data);
      }
    }
    zip.position(end);
    for (Line line : lines) {
      zip.putInt(0x02014b50).putShort((short) 20).putShort((short) 20).putShort((short) 0);
      zip.putShort((short) line.method).putInt(0).putInt(line.checksum);
      zip.putInt(line.packed).putInt(line.size).putShort((short) line.name.length);
      zip.putShort((short) 0).putShort((short) 0).putShort((short) 0).putShort((short) 0);
      zip.putInt(0).putInt(line.offset).put(line.name);
    }
    int listed = count < 0 ? lines.size() : count;
    zip.putInt(0x06054b50).putShort((short) 0).putShort((short) 0);
    zip.putShort((short) listed).putShort((short) listed).putInt(length);
    zip.putInt(directory < 0 ? end : directory).putShort((short) 0);
    return zip.array();
  }
}
