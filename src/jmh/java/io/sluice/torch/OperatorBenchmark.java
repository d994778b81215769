package io.sluice.torch;

import io.sluice.memory.DType;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What a call into LibTorch costs when there is next to nothing to compute. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class OperatorBenchmark {
  private TensorScope weights;
  private Tensor four;
  private Tensor row;
  private Tensor matrix;

  @Setup
  public void open() {
    weights = TensorScope.open();
    four = Tensor.ofFloats(new float[] {-1, 2, -3, 4}, 4);
    row = Tensor.zeros(DType.F32, Device.CPU, 1, 384);
    matrix = Tensor.zeros(DType.F32, Device.CPU, 384, 384);
  }

  @TearDown
  public void close() {
    weights.close();
  }

  /** A scope opened, one dispatched operator on four floats, and its result freed. */
  @Benchmark
  public long[] reluOfFourFloats() {
    try (TensorScope scope = TensorScope.open()) {
      return four.relu().shape();
    }
  }

  /** A view of a tensor's memory. */
  @Benchmark
  public MemorySegment dataOfATensor() {
    return four.data();
  }

  /** A vector through a matrix, {@code [1, 384] x [384, 384]}: 0.3 MFLOP. */
  @Benchmark
  public long[] vectorTimesMatrix() {
    try (TensorScope scope = TensorScope.open()) {
      return row.matmul(matrix).shape();
    }
  }
}
