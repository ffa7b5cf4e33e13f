import com.alibaba.com.caucho.hessian.io.Hessian2Input;
import com.alibaba.com.caucho.hessian.io.Hessian2Output;
import com.alibaba.com.caucho.hessian.io.SerializerFactory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Serializable;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;

/** Measures hessian-lite: prints, for one order and for a list of 1,000, bytes and microseconds. */
public class HessianLite {
    static final SerializerFactory FACTORY =
        new SerializerFactory(HessianLite.class.getClassLoader());

    public static class Order implements Serializable {
        long orderId = 20_211_121_000_017L;
        List<Long> userId = new ArrayList<>(List.of(1_000_000_007L, 1_000_000_009L, 1_000_000_021L));
        String remark;
        List<Integer> reasonId = new ArrayList<>(List.of(3, 141));
    }

    static byte[] encode(Object value) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Hessian2Output output = new Hessian2Output(bytes);
        output.setSerializerFactory(FACTORY);
        output.writeObject(value);
        output.flush();
        return bytes.toByteArray();
    }

    static Object decode(byte[] data) throws Exception {
        Hessian2Input input = new Hessian2Input(new ByteArrayInputStream(data));
        input.setSerializerFactory(FACTORY);
        return input.readObject();
    }

    interface Step {
        Object run() throws Exception;
    }

    /** Returns microseconds of processor time of a step, after two warm-ups of the same length. */
    static double measure(Step step, double seconds) throws Exception {
        ThreadMXBean clock = ManagementFactory.getThreadMXBean();
        double found = 0;
        for (int turn = 0; turn < 3; turn++) {
            long begun = clock.getCurrentThreadCpuTime(), now = begun, count = 0;
            while (now - begun < seconds * 1e9) {
                for (int turn10 = 0; turn10 < 10; turn10++) {
                    step.run();
                }
                count += 10;
                now = clock.getCurrentThreadCpuTime();
            }
            found = (now - begun) / 1e3 / count;
        }
        return found;
    }

    static Order order(String remark) {
        Order order = new Order();
        order.remark = remark;
        return order;
    }

    public static void main(String[] arguments) throws Exception {
        double seconds = Double.parseDouble(arguments[0]);
        List<Order> orders = new ArrayList<>();
        for (int number = 0; number < 1000; number++) {
            orders.add(order(arguments[1]));
        }
        for (Object value : new Object[] {orders.get(0), orders}) {
            byte[] data = encode(value);
            System.out.printf("%d %f %f%n", data.length,
                measure(() -> decode(data), seconds), measure(() -> encode(value), seconds));
        }
    }
}
