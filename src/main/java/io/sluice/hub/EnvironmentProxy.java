package io.sluice.hub;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The proxies that {@code HTTPS_PROXY}, {@code HTTP_PROXY}, {@code ALL_PROXY} and {@code NO_PROXY}
 * name, in capitals or not. Other programs follow them, but not the JDK.
 */
final class EnvironmentProxy extends ProxySelector {
  private static final int USUAL_PORT = 80;

  private final InetSocketAddress secure;
  private final InetSocketAddress plain;
  private final List<String> direct;

  private EnvironmentProxy(InetSocketAddress secure, InetSocketAddress plain, List<String> direct) {
    this.secure = secure;
    this.plain = plain;
    this.direct = direct;
  }

  /**
   * Reads the variables.
   *
   * @return the JDK's own settings where none of them is set
   * @throws IOException if one is no address of an HTTP proxy
   */
  static ProxySelector of(Map<String, String> environment) throws IOException {
    InetSocketAddress all = proxy(environment, "ALL_PROXY", null);
    InetSocketAddress secure = proxy(environment, "HTTPS_PROXY", all);
    InetSocketAddress plain = proxy(environment, "HTTP_PROXY", all);
    if (secure == null && plain == null) {
      return ProxySelector.getDefault();
    }
    List<String> direct =
        Arrays.stream(value(environment, "NO_PROXY").toLowerCase(Locale.ROOT).split(","))
            .map(host -> host.strip().replaceFirst("^\\*?\\.", "").replaceFirst(":\\d+$", ""))
            .filter(host -> !host.isEmpty())
            .toList();
    return new EnvironmentProxy(secure, plain, direct);
  }

  private static String value(Map<String, String> environment, String name) {
    String small = environment.getOrDefault(name.toLowerCase(Locale.ROOT), "").strip();
    return small.isEmpty() ? environment.getOrDefault(name, "").strip() : small;
  }

  private static InetSocketAddress proxy(
      Map<String, String> environment, String name, InetSocketAddress otherwise)
      throws IOException {
    String value = value(environment, name);
    if (value.isEmpty()) {
      return otherwise;
    }
    try {
      URI address = new URI(value.contains("://") ? value : "http://" + value);
      if ("http".equalsIgnoreCase(address.getScheme()) && address.getHost() != null) {
        int port = address.getPort() < 0 ? USUAL_PORT : address.getPort();
        return InetSocketAddress.createUnresolved(address.getHost(), port);
      }
    } catch (URISyntaxException e) {
      // Refused below.
    }
    // It may hold a password, so it is not shown.
    throw new IOException(
        name + " is no address of an HTTP proxy; give one such as http://proxy.example:3128");
  }

  @Override
  public List<Proxy> select(URI address) {
    InetSocketAddress proxy = "https".equalsIgnoreCase(address.getScheme()) ? secure : plain;
    return List.of(
        proxy == null || isDirect(address.getHost().toLowerCase(Locale.ROOT))
            ? Proxy.NO_PROXY
            // Resolved here: the name of a proxy may get another address while this runs.
            : new Proxy(
                Proxy.Type.HTTP, new InetSocketAddress(proxy.getHostString(), proxy.getPort())));
  }

  private boolean isDirect(String host) {
    return direct.stream()
        .anyMatch(each -> each.equals("*") || host.equals(each) || host.endsWith("." + each));
  }

  @Override
  public void connectFailed(URI address, SocketAddress proxy, IOException failure) {
    // The request fails, which is told.
  }
}
