package io.sluice.torch;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What one call into LibTorch costs through Sluice, DJL's PyTorch engine (which brings a LibTorch
 * 2.7.1) and JavaCPP's presets (the same LibTorch as Sluice), result freed, on one thread.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 7, time = 1)
@Fork(1)
public class LibraryBenchmark {
  /** Which library. */
  public enum Library {
    SLUICE,
    DJL,
    JAVACPP
  }

  @Param private Library library;

  private SmallCalls calls;

  @Setup
  public void open() {
    calls =
        switch (library) {
          case SLUICE -> new SluiceCalls();
          case DJL -> new DjlCalls();
          case JAVACPP -> new JavaCppCalls();
        };
  }

  @TearDown
  public void close() {
    calls.close();
  }

  @Benchmark
  public long reluOfFourFloats() {
    return calls.relu();
  }

  @Benchmark
  public long sumOfFourFloats() {
    return calls.add();
  }

  @Benchmark
  public long productOfFourFloats() {
    return calls.product();
  }

  @Benchmark
  public long vectorTimesMatrix() {
    return calls.matrixProduct();
  }
}
