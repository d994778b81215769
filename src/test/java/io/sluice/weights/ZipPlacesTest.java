package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.testing.Seeds;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The places of entries are where the JDK finds their content, or none are known. */
class ZipPlacesTest {
  @TempDir Path folder;

  @Test
  void areWhereTheContentIs() throws IOException {
    StoredZip zip = StoredZip.of(entry("a/data.pkl", 5), entry("a/data/0", 0), entry("é", 300));
    assertThat(assertAgrees(zip.bytes())).containsOnlyKeys("a/data.pkl", "a/data/0", "é");
  }

  @Test
  void areFoundInDirectoriesOf64Bits() throws IOException {
    assertThat(assertAgrees(wide("a/data/0", new byte[] {1, 2, 3}))).containsOnlyKeys("a/data/0");
  }

  @Test
  void areNotKnownWhereTheDirectoryIsUnusual() {
    StoredZip zip = StoredZip.of(entry("a", 4));
    byte[] bytes = zip.bytes();
    assertThat(places(Arrays.copyOf(bytes, bytes.length + 1))).isEmpty();
    assertThat(places(Arrays.copyOf(bytes, bytes.length - 1))).isEmpty();
    assertThat(places(new byte[3])).isEmpty();
    zip.alias("b", "a");
    assertThat(places(zip.bytes())).isEmpty();
  }

  @Test
  void damageLeavesThemRightOrUnknown() throws IOException {
    Random random = new Random(Seeds.seed());
    for (int trial = 0; trial < 300; trial++) {
      StoredZip zip = StoredZip.of(entry("a/data.pkl", 5), entry("a/data/0", 40));
      zip.damage(random);
      byte[] bytes = zip.bytes();
      Map<String, Long> places = places(bytes);
      for (Map.Entry<String, Long> each : places.entrySet()) {
        assertThat(each.getKey()).isIn("a/data.pkl", "a/data/0");
        assertThat(bytes[Math.toIntExact(each.getValue())])
            .isEqualTo((byte) each.getKey().length());
      }
    }
  }

  private static StoredZip.Entry entry(String name, int size) {
    byte[] data = new byte[size];
    Arrays.fill(data, (byte) name.length());
    return new StoredZip.Entry(name, data);
  }

  private static Map<String, Long> places(byte[] bytes) {
    return ZipPlaces.of(MemorySegment.ofArray(bytes));
  }

  private Map<String, Long> assertAgrees(byte[] bytes) throws IOException {
    Map<String, Long> places = places(bytes);
    Path file = folder.resolve("a.zip");
    Files.write(file, bytes);
    try (ZipFile zip = new ZipFile(file.toFile())) {
      assertThat(zip.size()).isEqualTo(places.size());
      for (Map.Entry<String, Long> each : places.entrySet()) {
        ZipEntry entry = zip.getEntry(each.getKey());
        int at = Math.toIntExact(each.getValue());
        try (InputStream in = zip.getInputStream(entry)) {
          assertThat(Arrays.copyOfRange(bytes, at, at + (int) entry.getSize()))
              .isEqualTo(in.readAllBytes());
        }
      }
    }
    return places;
  }

  /** One entry, whose size and place are in 64 bits, as those of a file of more than 4 GiB. */
  private static byte[] wide(String name, byte[] data) {
    byte[] text = name.getBytes(StandardCharsets.UTF_8);
    CRC32 checksum = new CRC32();
    checksum.update(data);
    int sum = (int) checksum.getValue();
    ByteBuffer zip = ByteBuffer.allocate(1 << 10).order(ByteOrder.LITTLE_ENDIAN);
    zip.putInt(0x04034b50).putShort((short) 45).putShort((short) 0).putShort((short) 0);
    zip.putInt(0).putInt(sum).putInt(-1).putInt(-1).putShort((short) text.length);
    zip.putShort((short) 20).put(text);
    zip.putShort((short) 1).putShort((short) 16).putLong(data.length).putLong(data.length);
    zip.put(data);
    int directory = zip.position();
    zip.putInt(0x02014b50).putShort((short) 45).putShort((short) 45).putShort((short) 0);
    zip.putShort((short) 0).putInt(0).putInt(sum).putInt(-1).putInt(-1);
    zip.putShort((short) text.length).putShort((short) 28).putShort((short) 0).putShort((short) 0);
    zip.putShort((short) 0).putInt(0).putInt(-1).put(text);
    zip.putShort((short) 1).putShort((short) 24).putLong(data.length).putLong(data.length);
    zip.putLong(0);
    int end = zip.position();
    zip.putInt(0x06064b50).putLong(44).putShort((short) 45).putShort((short) 45).putInt(0);
    zip.putInt(0).putLong(1).putLong(1).putLong(end - directory).putLong(directory);
    zip.putInt(0x07064b50).putInt(0).putLong(end).putInt(1);
    zip.putInt(0x06054b50).putShort((short) 0).putShort((short) 0).putShort((short) -1);
    zip.putShort((short) -1).putInt(-1).putInt(-1).putShort((short) 0);
    return Arrays.copyOf(zip.array(), zip.position());
  }
}
