package io.sluice.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Stands between Spark and a server and passes on what both send, but a connection on which much is
 * sent to the server stops half-way until it is let go.
 */
final class HeldUploads implements AutoCloseable {
  private static final int CHUNK_BYTES = 1 << 16;

  private final ServerSocket entrance;
  private final int server;
  private final long bytes;
  private final Semaphore held = new Semaphore(0);
  private final CountDownLatch goes = new CountDownLatch(1);

  /**
   * Begins.
   *
   * @param server the port of the server
   * @param bytes what a connection sends before it is held
   */
  HeldUploads(int server, long bytes) throws IOException {
    this.entrance = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
    this.server = server;
    this.bytes = bytes;
    Thread.ofVirtual().start(this::accept);
  }

  /** Where it listens. */
  int port() {
    return entrance.getLocalPort();
  }

  /** Returns when so many connections are held. */
  void await(int connections) throws IOException, InterruptedException {
    if (!held.tryAcquire(connections, 5, TimeUnit.MINUTES)) {
      throw new IOException(held.availablePermits() + " uploads within five minutes");
    }
  }

  /** Lets all of them go on, and later ones. */
  void letGo() {
    goes.countDown();
  }

  private void accept() {
    while (!entrance.isClosed()) {
      try {
        Socket client = entrance.accept();
        Socket target = new Socket("127.0.0.1", server);
        Thread.ofVirtual().start(() -> pass(client, target, true));
        Thread.ofVirtual().start(() -> pass(target, client, false));
      } catch (IOException e) {
        // It was closed, or the server has ended.
      }
    }
  }

  private void pass(Socket from, Socket to, boolean counted) {
    try (from;
        to;
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream()) {
      byte[] chunk = new byte[CHUNK_BYTES];
      long sent = 0;
      for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
        out.write(chunk, 0, count);
        out.flush();
        boolean before = sent < bytes;
        sent += count;
        if (counted && before && sent >= bytes && goes.getCount() > 0) {
          held.release();
          goes.await();
        }
      }
    } catch (IOException e) {
      // One of both has ended.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() throws IOException {
    letGo();
    entrance.close();
  }
}
