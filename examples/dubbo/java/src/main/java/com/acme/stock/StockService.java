package com.acme.stock;

import java.util.List;

/** What the warehouses have. */
public interface StockService {
    /** Returns null for an article that no warehouse has. */
    Stock find(String article);

    List<Stock> all(Warehouse warehouse);

    /** Returns how many are left. */
    int reserve(String article, int count) throws OutOfStock;
}
