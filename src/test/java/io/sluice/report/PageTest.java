package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageTest {
  @TempDir private Path folder;

  @Tag("slow")
  @Test
  void thePageIsCompleteAndKeepsTheLicenceOfItsCharts() throws IOException {
    String page = new String(ReportPageTest.full(folder).html(), StandardCharsets.UTF_8);
    assertThat(page).contains("Licensed to the Apache Software Foundation (ASF)");
    String markup = page.replaceAll("(?s)(<script[^>]*>).*?</script>", "$1</script>");
    assertThat(markup)
        .contains("default-src 'none'")
        .doesNotContain("{{")
        .doesNotContainPattern("<(script|img|link|iframe)[^>]*(src|href)=");
    assertThat(ReportPageTest.full(folder).html()).isEqualTo(page.getBytes(StandardCharsets.UTF_8));
  }

  @Tag("slow")
  @Test
  void aFailedWriteLeavesWhatWasThere() throws IOException {
    Report report = ReportPageTest.full(folder);
    Path target = folder.resolve("report.html");
    Files.writeString(target, "before");
    Path inNowhere = folder.resolve("nowhere").resolve("report.html");
    assertThatThrownBy(() -> report.write(inNowhere))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("its folder does not exist");
    assertThatThrownBy(() -> report.write(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is a folder");
    assertThat(Files.readString(target)).isEqualTo("before");
    long bytes = report.write(target);
    assertThat(Files.size(target)).isEqualTo(bytes);
    try (var files = Files.list(folder)) {
      assertThat(files).noneMatch(f -> f.getFileName().toString().contains(".tmp"));
    }
  }
}
