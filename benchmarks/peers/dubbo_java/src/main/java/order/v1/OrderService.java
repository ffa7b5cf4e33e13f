package order.v1;

public interface OrderService {
    Order create(Order request);
}
