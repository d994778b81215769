package io.sluice.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** Nothing that a file says reaches a terminal as a command to it. */
class ConsoleTest {
  private static final String HOSTILE =
      "\u001b]0;owned\u0007 \u001b[31mred\r\b\u009b2J \u202eevil\u2066 \u2028\u200b\ufeff\u007f";

  private final StringWriter text = new StringWriter();
  private final ConsolePrinter out = Console.over(text, Writer.nullWriter()).out();

  @Test
  void controlsAndTextThatHidesOrTurnsAreEscaped() {
    out.print(HOSTILE);
    assertThat(text.toString())
        .isEqualTo(
            "\\u001b]0;owned\\u0007 \\u001b[31mred\\u000d\\u0008\\u009b2J \\u202eevil\\u2066"
                + " \\u2028\\u200b\\ufeff\\u007f");
  }

  @Test
  void textOfAnyScriptPasses() {
    String plain = "Größe\t海 \u0645\u06cc\u200c\u062e 👩\u200d🚀 😀 \ue0b0\nnext line\n";
    out.print(plain);
    assertThat(text).hasToString(plain);
  }

  @Test
  void charactersOfTwoHalvesMayComeInPieces() {
    for (char half : "😀x\ud83d".toCharArray()) {
      out.print(half);
    }
    out.print("\ude00");
    out.print("\udb40\udc01");
    out.print("\ud83d");
    out.print("y");
    assertThat(text).hasToString("😀x😀\\udb40\\udc01\\ud83dy");
  }

  @Test
  void whatFillsAFormatStaysOnItsLine() {
    out.printf(Locale.ROOT, "%-6s|%s|%s%n", "a\nb", Path.of("c\nd"), 7);
    out.printf("%s\n", "e\nf\t");
    assertThat(text).hasToString("a\\u000ab|c\\u000ad|7\ne\\u000af\\u0009\n");
  }

  @Test
  void jsonMeansTheSameAfterwards() throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode node = mapper.createObjectNode();
    node.put("name", HOSTILE + "\n\ud800 \udb40\udc01");
    out.print(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(node));
    assertThat(mapper.readTree(text.toString())).isEqualTo(node);
    assertThat(text.toString().codePoints())
        .noneMatch(c -> c != '\n' && Character.getType(c) == Character.CONTROL);
  }

  @Test
  void aTerminalOfAnotherCharacterSetGetsEscapesForWhatItLacks() {
    try (ConsoleWriter latin = new ConsoleWriter(text, StandardCharsets.ISO_8859_1.newEncoder())) {
      new ConsolePrinter(latin, false).print("größer – 海😀");
    }
    assertThat(text).hasToString("größer \\u2013 \\u6d77\\ud83d\\ude00");
  }

  @Test
  void theProgramItselfMayRedrawALine() {
    Progress progress = new Progress(out, true, 100, () -> 0, "capture", 10, "tokens");
    progress.close();
    assertThat(text).hasToString("\r\r");
  }

  @Test
  void theFirstFailureIsRemembered() {
    Console lost =
        Console.over(
            new Writer() {
              private int calls;

              @Override
              public void write(char[] buffer, int offset, int length) throws IOException {
                throw new IOException("full " + calls++);
              }

              @Override
              public void flush() {}

              @Override
              public void close() {}
            },
            text);
    assertThat(lost.isWhole()).isTrue();
    lost.out().println("one");
    lost.out().println("two");
    assertThat(lost.isWhole()).isFalse();
    assertThat(lost.lostOutput("sluice test")).isEqualTo(1);
    assertThat(text)
        .hasToString(
            "sluice test: standard output cannot be written (full 0); make room, or send it"
                + " elsewhere\n");
  }
}
