package io.sluice.hub;

import java.io.IOException;
import java.net.URI;
import java.util.Locale;

/**
 * Where a redirect may lead. The hub sends large files from other hosts, whose addresses are signed
 * and need no token. So a token goes to the hub's own scheme, host and port, and to no other.
 */
final class Redirects {
  private static final int HTTP = 80;
  private static final int HTTPS = 443;

  private Redirects() {}

  /** Whether an address is one of HTTP or HTTPS. */
  static boolean isWeb(URI address) {
    return "http".equalsIgnoreCase(address.getScheme()) || isSecure(address);
  }

  /** Whether two addresses have one scheme, host and port. */
  static boolean sameOrigin(URI a, URI b) {
    return a.getScheme().equalsIgnoreCase(b.getScheme())
        && a.getHost().equalsIgnoreCase(b.getHost())
        && port(a) == port(b);
  }

  /**
   * The address that a redirect leads to.
   *
   * @param from the address that was asked
   * @param location what the answer says; may be relative
   * @throws IOException if it is no address of HTTP, or would leave HTTPS
   */
  static URI next(URI from, String location) throws IOException {
    URI next;
    try {
      next = from.resolve(URI.create(location));
    } catch (IllegalArgumentException e) {
      throw new IOException(host(from) + ": redirects to what is no address", e);
    }
    if (!isWeb(next) || next.getHost() == null) {
      throw new IOException(host(from) + ": redirects to what is no address of HTTP");
    }
    if (isSecure(from) && !isSecure(next)) {
      throw new IOException(
          "%s: redirects to %s without encryption; nothing was fetched"
              .formatted(host(from), host(next)));
    }
    return next;
  }

  /** Scheme, host and port, for messages: the rest of a signed address is a secret. */
  static String host(URI address) {
    return address.getScheme().toLowerCase(Locale.ROOT)
        + "://"
        + address.getHost()
        + (address.getPort() < 0 ? "" : ":" + address.getPort());
  }

  private static boolean isSecure(URI address) {
    return "https".equalsIgnoreCase(address.getScheme());
  }

  private static int port(URI address) {
    return address.getPort() >= 0 ? address.getPort() : isSecure(address) ? HTTPS : HTTP;
  }
}
