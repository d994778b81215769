package io.sluice.datasets;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class MobyDickTest {
  private static final Path TEXT = Path.of("datasets/moby-dick.txt");
  private static final String SHA_256 =
      "1d96e7e3e685534e2d60c39b8a4facc46fbc50cfb929ed4bd8ea9b70e820faae";

  @Test
  void hasTheChecksumThatItsReadmeStates() throws Exception {
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(TEXT));
    assertThat(HexFormat.of().formatHex(digest)).isEqualTo(SHA_256);
    assertThat(Files.readString(Path.of("datasets/README.md"))).contains(SHA_256);
  }

  @Test
  void isUtf8ProseInChaptersAndParagraphs() throws Exception {
    // A decoder of its own, since it refuses what String would replace.
    String text =
        StandardCharsets.UTF_8
            .newDecoder()
            .decode(ByteBuffer.wrap(Files.readAllBytes(TEXT)))
            .toString();
    assertThat(text).startsWith("CHAPTER 1. Loomings.\n\nCall me Ishmael. Some years ago—never");
    assertThat(text).endsWith("only found another orphan.\n");
    assertThat(text.lines().filter(line -> line.startsWith("CHAPTER "))).hasSize(135);
    assertThat(text).doesNotContain("\r", "\t", "\n\n\n", "\uFFFD", "Gutenberg");
  }
}
