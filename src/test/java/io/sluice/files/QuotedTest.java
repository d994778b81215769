package io.sluice.files;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What a file says cannot break the line that reports it. */
class QuotedTest {
  @Test
  void keepsOneReadableLine() {
    assertThat(Quoted.of("größer 😀")).isEqualTo("'größer 😀'");
    assertThat(Quoted.of("a\nb\u202ec\ud800")).isEqualTo("'a\\u000ab\\u202ec\\ud800'");
    assertThat(Quoted.of("x".repeat(200))).isEqualTo("'" + "x".repeat(200) + "'");
    assertThat(Quoted.of("x".repeat(201))).isEqualTo("'" + "x".repeat(200) + "…'");
    assertThat(Quoted.of("x😀y", 2)).isEqualTo("'x😀…'");
    assertThat(Quoted.line("a\n😀", 2)).isEqualTo("a\\u000a…");
    assertThat(Quoted.line("a😀", 2)).isEqualTo("a😀");
  }
}
