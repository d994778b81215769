package io.sluice.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubSettingsTest {
  @TempDir private Path home;

  private HubSettings of(String... pairs) throws IOException {
    Map<String, String> environment = new HashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      environment.put(pairs[i], pairs[i + 1]);
    }
    return HubSettings.of(environment, home);
  }

  @Test
  void findsTheCacheWherePythonHasIt() throws IOException {
    assertThat(of().cache()).isEqualTo(home.resolve(".cache/huggingface/hub"));
    assertThat(of("XDG_CACHE_HOME", "/x").cache()).isEqualTo(Path.of("/x/huggingface/hub"));
    assertThat(of("XDG_CACHE_HOME", "/x", "HF_HOME", "/y").cache()).isEqualTo(Path.of("/y/hub"));
    assertThat(of("HF_HOME", "~/y").cache()).isEqualTo(home.resolve("y/hub"));
    assertThat(of("HF_HOME", "$A/${B}/$C", "A", "/a", "B", "b").cache())
        .isEqualTo(Path.of("/a/b/$C/hub"));
    assertThat(of("HF_HOME", "/y", "HUGGINGFACE_HUB_CACHE", "/z").cache()).isEqualTo(Path.of("/z"));
    assertThat(of("HF_HUB_CACHE", "/w", "HUGGINGFACE_HUB_CACHE", "/z").cache())
        .isEqualTo(Path.of("/w"));
  }

  @Test
  void readsTheOtherVariables() throws IOException {
    assertThat(of().endpoint()).hasToString("https://huggingface.co");
    assertThat(of("HF_ENDPOINT", "http://localhost:8080/hf/").endpoint())
        .hasToString("http://localhost:8080/hf");
    assertThat(of("HF_HUB_OFFLINE", "true").isOffline()).isTrue();
    assertThat(of("HF_HUB_OFFLINE", "0", "TRANSFORMERS_OFFLINE", "1").isOffline()).isFalse();
    assertThat(of("TRANSFORMERS_OFFLINE", "yes").isOffline()).isTrue();
    assertThat(of("HUGGING_FACE_HUB_TOKEN", "b").token()).isEqualTo("b");
    assertThat(of("HUGGING_FACE_HUB_TOKEN", "b", "HF_TOKEN", " a\n").token()).isEqualTo("a");
    assertThat(of("HF_HUB_DOWNLOAD_TIMEOUT", "30").timeout()).hasSeconds(30);
    assertThat(of().token()).isEmpty();
  }

  @Test
  void refusesWhatIsNoAddressOrNumber() {
    for (String bad : new String[] {"huggingface.co", "file:///x", "http://", "a b"}) {
      assertThatThrownBy(() -> of("HF_ENDPOINT", bad))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "HF_ENDPOINT is '%s'; give an address such as https://huggingface.co, or leave it out"
                  .formatted(bad));
    }
    assertThatThrownBy(() -> of("HF_HUB_DOWNLOAD_TIMEOUT", "soon"))
        .hasMessage("HF_HUB_DOWNLOAD_TIMEOUT is 'soon'; give a number of seconds");
  }
}
