package peers;

import com.acme.Line;
import com.acme.Node;
import com.acme.Order;
import com.acme.OrderService;
import com.acme.OutOfStock;
import com.acme.State;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.RpcContext;

/**
 * Serves {@link OrderService} at the host and port in its arguments, until standard input ends. The
 * third argument is a registry, the fourth is the host that is announced there, and the fifth is
 * the register mode.
 */
public class Provider implements OrderService {
    public static void main(String[] args) throws Exception {
        ApplicationConfig application = new ApplicationConfig("java-provider");
        application.setQosEnable(false);
        ProtocolConfig protocol = new ProtocolConfig("dubbo", Integer.parseInt(args[1]));
        protocol.setHost(args[0]);
        ServiceConfig<OrderService> service = new ServiceConfig<>();
        service.setInterface(OrderService.class);
        service.setRef(new Provider());
        service.setVersion("1.0.0");
        if (args.length > 3) {
            System.setProperty("DUBBO_IP_TO_REGISTRY", args[3]);
        }
        if (args.length > 4) {
            application.setRegisterMode(args[4]);
        }
        RegistryConfig registry = new RegistryConfig(args.length > 2 ? args[2] : "N/A");
        DubboBootstrap.getInstance().application(application).protocol(protocol).registry(registry).service(service).start();
        System.out.println("READY");
        while (System.in.read() >= 0) {
            // Until the test closes it.
        }
        System.exit(0); // the shutdown hook sends READONLY
    }

    @Override
    public Order get(long id) {
        Order order = new Order();
        order.id = id;
        order.customer = "B\u00f6b \ud83d\ude00";
        order.state = State.NEW;
        order.created = new Date(1700000000123L);
        order.price = new BigDecimal("12.50");
        order.paid = true;
        order.weight = 0.5;
        order.lines.add(new Line("a", 2));
        order.labels.put("color", "red");
        return order;
    }

    @Override
    public List<Order> all(int count) {
        List<Order> all = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            all.add(get(number));
        }
        return all;
    }

    @Override
    public Order echo(Order order) {
        return order;
    }

    @Override
    public Node loop(Node node) {
        return node;
    }

    @Override
    public BigDecimal total(Order order) {
        BigDecimal sum = BigDecimal.ZERO;
        for (Line line : order.lines) {
            sum = sum.add(order.price.multiply(BigDecimal.valueOf(line.count)));
        }
        return sum;
    }

    @Override
    public State next(State state) {
        return State.values()[(state.ordinal() + 1) % State.values().length];
    }

    @Override
    public Date later(Date when, long millis) {
        return new Date(when.getTime() + millis);
    }

    @Override
    public Map<String, Object> describe(Map<String, Object> given) {
        Map<String, Object> described = new HashMap<>(given);
        described.put("count", given.size());
        described.put("longs", given.values().stream().filter(each -> each instanceof Long).count());
        return described;
    }

    @Override
    public byte[] reverse(byte[] data) {
        byte[] reversed = new byte[data.length];
        for (int at = 0; at < data.length; at++) {
            reversed[at] = data[data.length - 1 - at];
        }
        return reversed;
    }

    @Override
    public String nothing(String given) {
        return given;
    }

    @Override
    public String say(String name) {
        return "hi " + name;
    }

    @Override
    public String say(int number) {
        return "hi number " + number;
    }

    @Override
    public String attachment(String name) {
        RpcContext.getServerResponseContext().setAttachment("served-by", "java");
        return name + "=" + RpcContext.getServerAttachment().getAttachment(name);
    }

    @Override
    public void take(String sku, int count) throws OutOfStock {
        throw new OutOfStock(count + " are too many", sku, 3);
    }

    @Override
    public void crash(String text) {
        throw new IllegalStateException(text, new RuntimeException("the cause"));
    }

    @Override
    public String sleep(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        return "awake";
    }
}
