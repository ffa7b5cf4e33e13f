package peers;

import com.acme.OrderService;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;

/** Calls the providers in its first argument, again and again, until standard input ends. */
public class Loop {
    public static void main(String[] args) throws Exception {
        ApplicationConfig application = new ApplicationConfig("java-loop");
        application.setQosEnable(false);
        ReferenceConfig<OrderService> reference = new ReferenceConfig<>();
        reference.setApplication(application);
        reference.setInterface(OrderService.class);
        reference.setVersion("1.0.0");
        reference.setUrl(args[0]);
        reference.setTimeout(5000);
        reference.setRetries(2);
        reference.setCheck(false);
        OrderService orders = reference.get();
        System.out.println("READY " + orders.say("bob"));
        int made = 0;
        int failed = 0;
        String reason = "";
        while (System.in.available() == 0) {
            try {
                orders.say("bob");
            } catch (RuntimeException error) {
                failed++;
                reason = String.valueOf(error.getMessage()).replace("\n", " ");
            }
            if (++made % 100 == 0) {
                System.out.println("MADE " + made);
            }
        }
        System.out.println("FAILED " + failed + " " + reason);
        System.exit(0);
    }
}
