package io.sluice.hub;

import io.sluice.files.Quoted;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an answer without content means. The hub says it in {@code X-Error-Code} and {@code
 * X-Error-Message} rather than in the status: it answers 401 for a repository that does not exist,
 * too, unless a token is sent.
 */
final class Refusals {
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;
  private static final int TOO_MANY = 429;
  private static final Set<Integer> PASSING = Set.of(408, TOO_MANY, 500, 502, 503, 504);
  private static final String BAD_TOKEN = "Invalid credentials in Authorization header";

  /** {@code "api";r=0;t=55}: no requests remain, and more are allowed in 55 s. */
  private static final Pattern RATE = Pattern.compile("r\\s*=\\s*0\\s*;\\s*t\\s*=\\s*(\\d{1,6})");

  private static final Pattern SECONDS = Pattern.compile("\\d{1,6}");

  private Refusals() {}

  /**
   * The error for an answer.
   *
   * @param name what was asked for
   * @param answer its status is neither of success nor of a redirect
   */
  static IOException of(HubName name, HubSettings settings, HttpResponse<?> answer) {
    URI at = answer.uri();
    int status = answer.statusCode();
    String host = Redirects.host(at);
    if (PASSING.contains(status)) {
      return new TransientException(
          name
              + ": "
              + host
              + (status == TOO_MANY
                  ? " had too many requests from here; wait, or log in with 'hf auth login' for more"
                  : " answered with status " + status),
          asked(answer.headers()));
    }
    if (!Redirects.sameOrigin(settings.endpoint(), at)) {
      return new IOException(
          "%s: %s answered with status %d; try again".formatted(name, host, status));
    }
    return new IOException(name + ": " + reason(name, settings, answer));
  }

  private static String reason(HubName name, HubSettings settings, HttpResponse<?> answer) {
    String code = answer.headers().firstValue("X-Error-Code").orElse("");
    String message = answer.headers().firstValue("X-Error-Message").orElse("");
    boolean anonymous = settings.token().isEmpty();
    int status = answer.statusCode();
    URI hub = settings.endpoint();
    if (code.equals("GatedRepo")) {
      return "is gated; ask for access at %s/%s, %s"
          .formatted(
              hub,
              name.repository(),
              anonymous
                  ? "then log in with 'hf auth login' or set HF_TOKEN"
                  : "with the account of your token");
    }
    if (status == UNAUTHORIZED && message.equals(BAD_TOKEN)) {
      return hub + " does not know your token; log in with 'hf auth login' or correct HF_TOKEN";
    }
    if (code.equals("RevisionNotFound")) {
      return "has no revision %s on %s; check the branch, tag or commit"
          .formatted(Quoted.of(name.revision()), hub);
    }
    if (code.equals("EntryNotFound")) {
      return "%s has no such file there; check the name".formatted(hub);
    }
    if (code.equals("RepoNotFound") || status == NOT_FOUND || status == UNAUTHORIZED) {
      return "no such file or folder, and %s has no such repository%s; check the name%s"
          .formatted(
              hub,
              anonymous ? " or wants a token for it" : " for your token",
              code.isEmpty() ? " and HF_ENDPOINT" : ""); // The hub itself gives a code.
    }
    String said = message.isEmpty() ? "" : " (" + Quoted.line(message, 200) + ")";
    return status == FORBIDDEN
        ? "%s refuses access%s; check what your token may read".formatted(hub, said)
        : String.format(Locale.ROOT, "%s answered with status %d%s; try again", hub, status, said);
  }

  /** How long the server asks to wait; null if it does not say. */
  private static Duration asked(HttpHeaders headers) {
    Matcher rate = RATE.matcher(headers.firstValue("RateLimit").orElse(""));
    String after = headers.firstValue("Retry-After").orElse("").strip();
    if (rate.find()) {
      return Duration.ofSeconds(Long.parseLong(rate.group(1)) + 1);
    }
    return SECONDS.matcher(after).matches() ? Duration.ofSeconds(Long.parseLong(after)) : null;
  }
}
