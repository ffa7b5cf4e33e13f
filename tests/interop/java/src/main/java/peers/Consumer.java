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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.service.EchoService;
import org.apache.dubbo.rpc.service.GenericService;

/**
 * Calls a provider at the address in its first argument, and prints one line for each check. The
 * second argument is the protocol.
 */
public class Consumer {
    private static final ApplicationConfig APPLICATION = new ApplicationConfig("java-consumer");

    public static void main(String[] args) {
        APPLICATION.setQosEnable(false);
        APPLICATION.setSerializeCheckStatus(System.getProperty("check", "STRICT"));
        String url = (args.length > 1 ? args[1] : "dubbo") + "://" + args[0] + "?heartbeat=1000";
        OrderService orders = refer(url, OrderService.class, false);
        check("say", () -> orders.say("bob"));
        check("overloaded", () -> orders.say(7));
        check("pojo", () -> orders.get(1L << 40));
        check("list", () -> orders.all(3));
        check("echoed", () -> orders.echo(order()).toString().equals(order().toString()));
        check("cycle", () -> cycle(orders));
        check("decimal", () -> orders.total(order()));
        check("enum", () -> orders.next(State.PAID));
        check("date", () -> orders.later(new Date(1700000000123L), 1000L).getTime());
        check("map", () -> new TreeMap<>(orders.describe(attributes())));
        check("bytes", () -> new String(orders.reverse("abc".getBytes())));
        check("null", () -> orders.nothing(null));
        check("exception", () -> {
            try {
                orders.take("sku-1", 5);
                return "no exception";
            } catch (OutOfStock error) {
                return error.getMessage() + " " + error.getSku() + " " + error.getLeft();
            }
        });
        check("crash", () -> {
            orders.crash("boom");
            return "no exception";
        });
        check("attachment", () -> {
            RpcContext.getClientAttachment().setAttachment("trace", "t-1");
            String answer = orders.attachment("trace");
            return answer + " " + RpcContext.getClientResponseContext().getAttachment("served-by");
        });
        check("timeout", () -> orders.sleep(3000));
        check("after the timeout", () -> orders.say("again"));
        check("async", () -> RpcContext.getServiceContext().asyncCall(() -> orders.say("async")).get());
        check("$echo", () -> ((EchoService) orders).$echo("are you there?"));
        GenericService generic = generic(url);
        check("generic", () -> generic.$invoke("say", new String[] {"java.lang.String"}, new Object[] {"bob"}));
        check("generic pojo", () -> describe(generic.$invoke("echo", new String[] {"com.acme.Order"}, new Object[] {pojo()})));
        check("generic long", () -> ((Map<?, ?>) generic.$invoke("echo", new String[] {"com.acme.Order"}, new Object[] {pojo()})).get("id").getClass());
        check("generic exception", () -> generic.$invoke("take", new String[] {"java.lang.String", "int"}, new Object[] {"sku-1", 5}));
        check("unknown method", () -> generic.$invoke("fly", new String[] {}, new Object[] {}));
        OrderService wrong = refer(url, OrderService.class, true);
        check("wrong version", () -> wrong.say("bob"));
        check("idle", () -> {
            Thread.sleep(4000); // four heartbeats; without answers the connection is closed after 3 s
            return orders.say("after the idle time");
        });
        System.exit(0);
    }

    private static <T> T refer(String url, Class<T> type, boolean wrongVersion) {
        ReferenceConfig<T> reference = new ReferenceConfig<>();
        reference.setApplication(APPLICATION);
        reference.setInterface(type);
        reference.setVersion(wrongVersion ? "9.9.9" : "1.0.0");
        reference.setUrl(url);
        reference.setTimeout(1500);
        reference.setRetries(0);
        reference.setCheck(false);
        return reference.get();
    }

    private static GenericService generic(String url) {
        ReferenceConfig<GenericService> reference = new ReferenceConfig<>();
        reference.setApplication(APPLICATION);
        reference.setInterface("com.acme.OrderService");
        reference.setVersion("1.0.0");
        reference.setUrl(url);
        reference.setGeneric("true");
        reference.setTimeout(1500);
        reference.setRetries(0);
        reference.setCheck(false);
        return reference.get();
    }

    private static Order order() {
        Order order = new Order();
        order.id = 1L << 40;
        order.customer = "B\u00f6b \ud83d\ude00";
        order.state = State.PAID;
        order.created = new Date(1700000000123L);
        order.price = new BigDecimal("12.50");
        order.paid = true;
        order.weight = 0.1;
        order.lines.add(new Line("a", 2));
        order.lines.add(new Line("b", -3));
        order.labels.put("color", "red");
        return order;
    }

    private static Map<String, Object> pojo() {
        Map<String, Object> order = new LinkedHashMap<>();
        order.put("class", "com.acme.Order");
        order.put("id", 5L);
        order.put("customer", "bob");
        order.put("lines", new ArrayList<>());
        order.put("labels", new LinkedHashMap<>());
        return order;
    }

    private static Object describe(Object value) {
        return value instanceof Map ? new TreeMap<>((Map<?, ?>) value) : value;
    }

    private static Map<String, Object> attributes() {
        Map<String, Object> given = new LinkedHashMap<>();
        given.put("int", 1);
        given.put("long", 1L << 40);
        given.put("list", new ArrayList<>(List.of("x", 2.5, true)));
        given.put("null", null);
        return given;
    }

    private static String cycle(OrderService orders) {
        Node first = new Node();
        Node second = new Node();
        first.name = "first";
        second.name = "second";
        first.next = second;
        second.next = first;
        Node back = orders.loop(first);
        return back.name + " " + back.next.name + " " + (back.next.next == back);
    }

    private static void check(String name, Callable<?> call) {
        String result;
        try {
            result = String.valueOf(call.call());
        } catch (Throwable error) {
            Throwable cause = error;
            result = "raised " + cause.getClass().getName() + ": " + cause.getMessage();
        }
        System.out.println("CHECK\t" + name + "\t" + result.replace("\n", "\\n"));
    }
}
