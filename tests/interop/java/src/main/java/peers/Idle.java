package peers;

import com.acme.OrderService;
import java.util.Scanner;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;

/**
 * A provider (arguments: host, port and interval of heartbeats in ms), or a consumer (argument: a
 * URL) that makes a call for each line of standard input.
 */
public class Idle {
    public static void main(String[] args) throws Exception {
        ApplicationConfig application = new ApplicationConfig("java-idle");
        application.setQosEnable(false);
        if (args.length == 3) {
            serve(application, args[0], Integer.parseInt(args[1]), Integer.parseInt(args[2]));
        } else {
            call(application, args[0]);
        }
        System.exit(0);
    }

    private static void serve(ApplicationConfig application, String host, int port, int heartbeat) throws Exception {
        ProtocolConfig protocol = new ProtocolConfig("dubbo", port);
        protocol.setHost(host);
        protocol.setHeartbeat(heartbeat);
        ServiceConfig<OrderService> service = new ServiceConfig<>();
        service.setApplication(application);
        service.setProtocol(protocol);
        service.setRegistry(new RegistryConfig("N/A"));
        service.setInterface(OrderService.class);
        service.setRef(new Provider());
        service.setVersion("1.0.0");
        service.export();
        System.out.println("READY");
        while (System.in.read() >= 0) {
            // Until the test closes it.
        }
    }

    private static void call(ApplicationConfig application, String url) {
        ReferenceConfig<OrderService> reference = new ReferenceConfig<>();
        reference.setApplication(application);
        reference.setInterface(OrderService.class);
        reference.setVersion("1.0.0");
        reference.setUrl(url);
        reference.setTimeout(5000);
        OrderService orders = reference.get();
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            System.out.println(orders.say(lines.nextLine()));
        }
    }
}
