package order.v1;

import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;

/** Serves orders at the host and port in its arguments, until standard input ends. */
public class Server implements OrderService {
    public static void main(String[] args) throws Exception {
        ApplicationConfig application = new ApplicationConfig("orders");
        application.setQosEnable(false);
        ProtocolConfig protocol = new ProtocolConfig("dubbo", Integer.parseInt(args[1]));
        protocol.setHost(args[0]);
        ServiceConfig<OrderService> service = new ServiceConfig<>();
        service.setApplication(application);
        service.setProtocol(protocol);
        service.setRegistry(new RegistryConfig("N/A"));
        service.setInterface(OrderService.class);
        service.setRef(new Server());
        service.export();
        System.out.println("{\"port\": " + args[1] + "}");
        while (System.in.read() >= 0) {
            // Until the benchmark ends.
        }
        System.exit(0);
    }

    @Override
    public Order create(Order request) {
        Order order = new Order();
        order.orderId = request.orderId;
        order.userId = request.userId;
        order.remark = request.remark;
        order.reasonId = request.reasonId;
        return order;
    }
}
