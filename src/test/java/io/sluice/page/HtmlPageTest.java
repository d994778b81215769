package io.sluice.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class HtmlPageTest {
  @Test
  void jsonCannotLeaveItsScriptElement() {
    assertThat(HtmlPage.json(List.of("</script>\u2028\u2029<!--&")))
        .isEqualTo("[\"\\u003c/script\\u003e\\u2028\\u2029\\u003c!--\\u0026\"]");
  }

  @Test
  void textCannotLeaveItsElementOrAttribute() {
    assertThat(HtmlPage.escape("<a b='\"'>&")).isEqualTo("&lt;a b=&#39;&quot;&#39;&gt;&amp;");
  }

  @Test
  void whatFillsATemplateIsNotATemplate() {
    assertThat(HtmlPage.fill("a {{x}} b {{y}}", Map.of("x", "{{y}}", "y", "1")))
        .isEqualTo("a {{y}} b 1");
    assertThatThrownBy(() -> HtmlPage.fill("{{z}}", Map.of()))
        .isInstanceOf(IllegalStateException.class);
  }
}
