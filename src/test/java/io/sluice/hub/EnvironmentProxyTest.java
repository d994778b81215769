package io.sluice.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EnvironmentProxyTest {
  private static String proxy(Map<String, String> environment, String address) throws IOException {
    Proxy proxy = EnvironmentProxy.of(environment).select(URI.create(address)).getFirst();
    return proxy.address() instanceof InetSocketAddress at
        ? at.getHostString() + ":" + at.getPort()
        : "";
  }

  @Test
  void followsTheVariables() throws IOException {
    Map<String, String> both =
        Map.of("HTTPS_PROXY", "http://127.0.0.1:1", "http_proxy", "127.0.0.2:2");
    assertThat(proxy(both, "https://huggingface.co/x")).isEqualTo("127.0.0.1:1");
    assertThat(proxy(both, "http://huggingface.co/x")).isEqualTo("127.0.0.2:2");
    Map<String, String> all = Map.of("ALL_PROXY", "http://127.0.0.3", "HTTP_PROXY", "127.0.0.4:4");
    assertThat(proxy(all, "https://huggingface.co/x")).isEqualTo("127.0.0.3:80");
    assertThat(proxy(all, "http://huggingface.co/x")).isEqualTo("127.0.0.4:4");
    assertThat(EnvironmentProxy.of(Map.of("HTTP_PROXY", " "))).isSameAs(ProxySelector.getDefault());
  }

  @Test
  void leavesOutWhatIsNear() throws IOException {
    Map<String, String> some =
        Map.of("HTTPS_PROXY", "127.0.0.1:1", "NO_PROXY", "localhost, .near.example,other:443");
    for (String near : new String[] {"localhost", "near.example", "a.near.example", "other"}) {
      assertThat(proxy(some, "https://" + near + "/x")).as(near).isEmpty();
    }
    assertThat(proxy(some, "https://notnear.example/x")).isEqualTo("127.0.0.1:1");
    assertThat(proxy(Map.of("HTTPS_PROXY", "127.0.0.1:1", "NO_PROXY", "*"), "https://x/"))
        .isEmpty();
  }

  @Test
  void doesNotShowWhatMayHoldAPassword() {
    for (String bad : new String[] {"socks5://me:secret@x:1", "http://me:sec ret@x", "https://x"}) {
      assertThatThrownBy(() -> EnvironmentProxy.of(Map.of("HTTPS_PROXY", bad)))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "HTTPS_PROXY is no address of an HTTP proxy; give one such as http://proxy.example:3128");
    }
  }
}
